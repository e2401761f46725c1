"""TLS as this server speaks it: 1.2 and 1.3, both sides certified, forward secrecy, authenticated ciphers."""

import ssl

from .authority import METER_CA

# ECDHE alone, for the servers' keys are EC; no CBC. Security level 2: no RSA below 2048 bits, no SHA-1.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"


def server_side(engine, certificate, key):
    """For those who take connections: the client must show a certificate of the meter CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _common(context, engine, certificate, key)
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0  # every connection shows its certificate
    return context


def client_side(engine, certificate, key):
    """For those who connect to devices: a certificate of the meter CA that serves a TLS server. Its name is
    the device id, which the caller looks at behind the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    _common(context, engine, certificate, key)
    return context


def _common(context, engine, certificate, key):
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION
    engine.vault.load_cert_chain(context, engine.folder / certificate, engine.folder / key)
    context.load_verify_locations(engine.folder / (METER_CA + ".crt"))
