"""Provision one meter: its key, first certificate and request, and its objects on the server.

    python -m tools.provision --state state --device meter-0001 --out meter-0001 --life 86400

The folder gets key.der (SEC1 ECPrivateKey), cert.der, csr.der (PKCS#10, for Re-certify),
server_ca.der (to trust the server by), meter_ca.der (the issuer of the meter's certificates) and
config.json, all readable by their owner only. Works while a server runs on the same state folder.

With --listen the device also takes the server's own messages on that port: the server's records get its end
point, and its certificates serve a TLS server, too.

With --bootstrap the device is to make its own key: instead of the first three files it gets a folder
bootstrap/ with the key.der and cert.der of an identity that may enrol this device and nothing else.
"""

import argparse
import hashlib
import json
import os
import secrets
import sqlite3
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as ser

from .address import address, named
from .refserver import direct, ttlv
from .refserver.authority import SERVER_CA, Authority, new_key, subject_for, write_private
from .refserver.certificates import certificate_object, der
from .refserver.cryptoenums import CryptographicAlgorithm, KeyFormatType
from .refserver.cryptoenums import CryptographicUsageMask as Mask
from .refserver.engine import Engine
from .refserver.enums import LinkType, ObjectType, Operation, UsageLimitsUnit
from .refserver.errors import KmipError
from .refserver.keyformats import spki
from .refserver.managed import link_item
from .refserver.policy import BOOTSTRAP
from .refserver.server import DEFAULT_PORT
from .refserver.setup import init
from .refserver.tags import Tag as T

CONFIG = "config.json"
FILES = ("key.der", "cert.der", "csr.der", "server_ca.der", "meter_ca.der", "bootstrap", CONFIG)
BOOTSTRAP_SUFFIX = "-bootstrap"  # of the CN under which a device enrols
BOOTSTRAP_LIFE = 20 * 365 * 86400  # seconds: as long as a meter serves
_UNITS = {"byte": UsageLimitsUnit.BYTE, "object": UsageLimitsUnit.OBJECT}


class ProvisionError(Exception):
    """Why a device was not provisioned."""


def provision(state, device, out, life=None, usage_total=1000, usage_unit="byte", key_bits=128,
              host="127.0.0.1", port=DEFAULT_PORT, server_name=None, bootstrap=False, listen=None,
              billing=None, more=None, engine=None):
    """Provision a device; returns config.json's content.

    state        the server's state folder
    out          the device's folder; made if absent. If it holds this very device's finished
                 provisioning already, that is returned and nothing is changed
    life         seconds of the first certificate (default: the server's setting)
    usage_total  Usage Limits Total of the AES key, in usage_unit ("byte" or "object")
    key_bits     128 or 256
    bootstrap    leave the device's own key and certificate to its enrolment
    listen       (host, port) where the server reaches the device with Notify, or None
    billing      (name, (host, port)) of the billing end point, or None; the name in its certificate, None
                 where it is the key server's
    more         a dict of further keys for config.json, "wifi" for one, which the others go before
    engine       an Engine of that state, for whoever provisions many; its clock and life hold then
    """
    out = Path(out)
    own = engine is None
    engine = engine or Engine(state, life=life)
    try:
        done = _finished(engine, device, out)
        if done is not None:
            return done
        return _provision(engine, device, out, usage_total, _UNITS[usage_unit], key_bits, bootstrap, listen, {
            "device": device, "host": host, "port": port,
            "server_name": server_name or engine.options.name, "usage_unit": usage_unit,
            "usage_total": usage_total, "key_bits": key_bits}, billing, more or {})
    finally:
        if own:
            engine.close()


def _finished(engine, device, out):
    """The configuration of an earlier, finished run for the same device, or None."""
    path = out / CONFIG
    if not path.exists():
        strange = [file.name for file in out.iterdir()
                   if file.name not in FILES] if out.exists() else []
        if strange:
            raise ProvisionError("%s is not empty: it holds %s" % (out, strange[0]))
        return None
    config = json.loads(path.read_text())
    if config.get("device") != device:
        raise ProvisionError("%s belongs to device %s" % (out, config.get("device")))
    with engine.store.transaction(write=False) as transaction:
        for name in ("key_uid", "cert_uid", "public_key_uid"):
            if name not in config:
                continue
            managed = transaction.load(config[name])
            if managed is None or managed.owner != device:
                raise ProvisionError("%s was provisioned against another server state" % out)
    return config


def _provision(engine, device, out, usage_total, unit, key_bits, bootstrap, listen, config, billing, more):
    if key_bits not in (128, 256):
        raise ProvisionError("an AES key of %d bits is not offered; 128 or 256" % key_bits)
    if not 0 < usage_total < 1 << 63:
        raise ProvisionError("the usage total must be positive and below 2**63")
    if not 0 < config["port"] < 1 << 16:
        raise ProvisionError("there is no port %d" % config["port"])
    identity = engine.add_device(device)
    with engine.store.transaction(write=False) as transaction:
        if transaction.uids_of(device):
            raise ProvisionError(
                "device %s has objects on this server already; to start anew: "
                "python -m tools.refserver forget --dir %s --device %s"
                % (device, engine.folder, device))
    key = new_key()
    now = engine.now()
    server = direct.Direct(engine, identity)
    private = key.private_bytes(
        ser.Encoding.DER, ser.PrivateFormat.TraditionalOpenSSL, ser.NoEncryption())
    if bootstrap:
        name = device + BOOTSTRAP_SUFFIX
        engine.add_device(device, name, BOOTSTRAP)
        first = engine.meter_ca.issue_client(
            subject_for(engine.options.subject, name), key.public_key(), now, BOOTSTRAP_LIFE)
        _write(out, engine, {"bootstrap/key.der": private, "bootstrap/cert.der": der(first)})
    else:
        subject = subject_for(engine.options.subject, device)
        certificate = engine.meter_ca.issue_client(
            subject, key.public_key(), now, engine.options.life, listens=listen is not None)
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(
            key, hashes.SHA256())
        _write(out, engine, {"key.der": private, "cert.der": der(certificate),
                             "csr.der": request.public_bytes(ser.Encoding.DER)})
        config.update(_register_certificate(server, certificate, now))
    config["key_uid"] = _register_key(server, usage_total, unit, key_bits, now)
    if billing is not None:
        name, (host, port) = billing
        config["billing"] = {"host": host, "port": port, "name": name or config["server_name"],
                             "path": "/reports"}
    for name, value in more.items():
        config.setdefault(name, value)
    if listen is not None:  # last: it is not to be told of all this
        engine.set_endpoint(device, *listen)
        config["listen"] = {"port": listen[1]}
    # Last: a folder with it is whole.
    write_private(out / CONFIG, (json.dumps(config, indent=1) + "\n").encode())
    return config


def _named(device, name):
    return direct.attribute("Name", direct.name_item("%s/%s" % (device, name)))


def _active(now):
    return direct.attribute("Activation Date", ttlv.date_time(T.ACTIVATION_DATE, now))


def _register_certificate(server, certificate, now):
    """The public key and its certificate, linked, through the same operations a client would use."""
    device = server.identity.device
    public = spki(certificate.public_key())
    mask = ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, Mask.VERIFY)
    public_uid = server.register(
        ObjectType.PUBLIC_KEY,
        direct.key_object(T.PUBLIC_KEY, KeyFormatType.X509, public,
                          CryptographicAlgorithm.ECDSA, 256),
        _named(device, "key/" + hashlib.sha256(public).hexdigest()[:32]), _active(now),
        direct.attribute("Cryptographic Usage Mask", mask))
    cert_uid = server.register(
        ObjectType.CERTIFICATE, certificate_object(der(certificate)),
        _named(device, "certificate"), _active(now), direct.attribute("Cryptographic Usage Mask", mask),
        direct.attribute("Link", link_item(LinkType.PUBLIC_KEY_LINK, public_uid)))
    server.call(
        Operation.ADD_ATTRIBUTE, ttlv.text(T.UNIQUE_IDENTIFIER, public_uid),
        direct.attribute("Link", link_item(LinkType.CERTIFICATE_LINK, cert_uid)))
    return {"cert_uid": cert_uid, "public_key_uid": public_uid}


def _register_key(server, usage_total, unit, key_bits, now):
    """The key that seals usage reports, and how much it may protect."""
    return server.register(
        ObjectType.SYMMETRIC_KEY,
        direct.key_object(T.SYMMETRIC_KEY, KeyFormatType.RAW, secrets.token_bytes(key_bits // 8),
                          CryptographicAlgorithm.AES, key_bits),
        _named(server.identity.device, "usage"), _active(now),
        direct.attribute("Cryptographic Usage Mask", ttlv.integer(
            T.CRYPTOGRAPHIC_USAGE_MASK, Mask.ENCRYPT | Mask.MAC_GENERATE)),
        direct.attribute("Usage Limits", ttlv.structure(
            T.USAGE_LIMITS, ttlv.long_integer(T.USAGE_LIMITS_TOTAL, usage_total),
            ttlv.enumeration(T.USAGE_LIMITS_UNIT, unit))))


def _write(out, engine, files):
    """The device's files, all but config.json."""
    files = {
        **files,
        "server_ca.der": Authority.load(engine.folder, SERVER_CA, engine.vault).der,
        "meter_ca.der": engine.meter_ca.der,
    }
    for name, data in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        os.chmod(path.parent, 0o700)
        write_private(path, data)


def _json(path):
    try:
        more = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError("%s: %s" % (path, error))
    if not isinstance(more, dict):
        raise argparse.ArgumentTypeError("%s holds no structure" % path)
    return more


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m tools.provision", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", required=True, help="the server's state folder")
    parser.add_argument("--device", required=True, help="device id: the CN of its certificate")
    parser.add_argument("--out", required=True, help="the device's folder, new or empty")
    parser.add_argument("--life", type=int, metavar="SECONDS",
                        help="life of the first certificate (default: the server's setting)")
    parser.add_argument("--usage-total", type=int, default=1000, metavar="N",
                        help="how much the AES key may protect (default 1000)")
    parser.add_argument("--usage-unit", choices=sorted(_UNITS), default="byte")
    parser.add_argument("--key-bits", type=int, choices=(128, 256), default=128)
    parser.add_argument("--host", default="127.0.0.1", help="where the device finds the server")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="(default %(default)s)")
    parser.add_argument("--server-name", help="the name in the server's certificate")
    parser.add_argument("--listen", metavar="HOST:PORT", type=address,
                        help="where the server reaches the device with its own messages")
    parser.add_argument("--billing", metavar="[NAME=]HOST:PORT", type=named,
                        help="the billing end point, and the name in its certificate if it is another one")
    parser.add_argument("--config", metavar="FILE", dest="more", type=_json,
                        help="JSON with further keys for config.json, the Wi-Fi password for one")
    parser.add_argument("--init", action="store_true", help="make the state folder where there is none")
    parser.add_argument("--bootstrap", action="store_true", help="the device makes its own key and enrols")
    arguments = vars(parser.parse_args(argv))
    try:
        if arguments.pop("init") and not Path(arguments["state"]).exists():
            init(arguments["state"])
            print("made %s: a server's state, with its authorities" % arguments["state"])
        config = provision(arguments.pop("state"), arguments.pop("device"),
                           arguments.pop("out"), **arguments)
    except (ProvisionError, KmipError, OSError, ValueError, sqlite3.Error) as error:
        print("provision: %s" % error, file=sys.stderr)
        return 1
    print("provisioned %s: certificate %s, key %s" % (
        config["device"], config.get("cert_uid", "to be enrolled"), config["key_uid"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
