"""Who is refused by TLS, on either side, and that nothing else passes: real connections, CPython and both
Unix ports. What test_faults.py has already (another CA, another name, dates) is not here again."""

import socket
import ssl
import time
import types

import kit
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tools.provision import provision
from tools.refserver import Server, direct, init, ttlv
from tools.refserver.authority import METER_CA, Authority, subject_for
from tools.refserver.enums import Operation
from tools.refserver.tags import Tag as T

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # old versions are asked for
AUTHENTICATION_NOT_SUCCESSFUL = 3


# ---- a server that the client must not take ----


def met(runtime, pki, context):
    """How connecting to a server with this TLS context ends."""
    with kit.Server(lambda sock: None, context) as server:
        (failed,) = runtime.run(pki.job(server.port, timeout=5))
    return failed


def context_of(pki, identity):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:eNULL:aNULL:@SECLEVEL=0")  # whatever its own library would refuse
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    kit.load_chain(context, identity)
    context.load_verify_locations(cadata=pki.ca.pem.decode())
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def server_of(pki, usage=ExtendedKeyUsageOID.SERVER_AUTH, **more):
    return kit.Identity(kit.NAME, pki.ca, kit.NAME, usage, **more)


SERVERS = {
    "a client's certificate": lambda pki: server_of(pki, ExtendedKeyUsageOID.CLIENT_AUTH),
    "another's use": lambda pki: server_of(pki, ExtendedKeyUsageOID.CODE_SIGNING),
    "RSA of 1024 bits": lambda pki: server_of(pki, key=rsa.generate_private_key(65537, 1024)),
    "a curve of 192 bits": lambda pki: server_of(pki, key=ec.generate_private_key(ec.SECP192R1())),
    "signed by a meter": lambda pki: kit.Identity(
        kit.NAME, pki.client, kit.NAME, ExtendedKeyUsageOID.SERVER_AUTH),
}


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_with(runtime, pki, kind):
    failed = met(runtime, pki, context_of(pki, SERVERS[kind](pki)))
    assert failed.get("error") == "TLSError", failed


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_a_server_of_an_old_version(runtime, pki, version):
    context = context_of(pki, pki.server)
    context.maximum_version = version
    failed = met(runtime, pki, context)
    assert failed.get("error") == "TLSError", failed


@pytest.mark.parametrize("suites", ["eNULL", "aNULL", "ECDHE-ECDSA-NULL-SHA"])
def test_a_server_without_cipher_or_certificate(runtime, pki, suites):
    context = context_of(pki, pki.server)
    context.set_ciphers(suites + ":@SECLEVEL=0")
    failed = met(runtime, pki, context)
    assert failed.get("error") == "TLSError", failed


def test_a_good_server_of_that_kind(runtime, pki):
    """So that the others fail for the reason that they name."""
    assert met(runtime, pki, context_of(pki, pki.server))["value"] is None


# ---- a client that the reference server must not take ----


@pytest.fixture(scope="module")
def utility(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refusals")
    state = folder / "state"
    init(state, life=3600)
    made = types.SimpleNamespace(folder=folder, state=state, number=0, log=[])
    with Server(state, verbose=1, log=made.log.append) as made.server:
        made.anchor = Authority.load(state, "server-ca").der
        made.ca = Authority.load(state, METER_CA)
        yield made


class Meter:
    """A new device: its configuration, certificate and key."""

    def __init__(self, utility):
        utility.number += 1
        self.name = "meter-%d" % utility.number
        self.utility = utility
        self.config = provision(utility.state, self.name, utility.folder / self.name)
        self.cert, self.key = (
            (utility.folder / self.name / (part + ".der")).read_bytes() for part in ("cert", "key"))

    def job(self, cert=None, key=None, **more):
        return dict({
            "port": self.utility.server.port, "name": "localhost", "timeout": 5,
            "anchors": [{"hex": self.utility.anchor.hex()}],
            "cert": {"hex": (cert or self.cert).hex()}, "key": {"hex": (key or self.key).hex()},
            "calls": [["get", [self.config["key_uid"]], {}]]}, **more)


def sec1(key):
    return key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL,
                             serialization.NoEncryption())


def issued(meter, start=-10, life=100, key=None, usages=(ExtendedKeyUsageOID.CLIENT_AUTH,), name=None):
    """(certificate, key), DER: of the meter CA, whatever it would never issue."""
    ca = meter.utility.ca
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = ca._builder(subject_for("CN={device}", name or meter.name), key.public_key(),
                          int(time.time()) + start, life)
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(ca._key, hashes.SHA256()).public_bytes(serialization.Encoding.DER), sec1(key)


def other_ca(meter):
    made = kit.client_identity(kit.Identity("Meter CA"), meter.name)
    return made.der, made.key_der


def by_meter(meter):
    key = serialization.load_der_private_key(meter.key, None)
    issuer = types.SimpleNamespace(cert=x509.load_der_x509_certificate(meter.cert), key=key)
    made = kit.client_identity(issuer, meter.name)
    return made.der, made.key_der


CLIENTS = {
    "expired": lambda meter: issued(meter, -100, 50),
    "not yet valid": lambda meter: issued(meter, 1000),
    "a server's certificate": lambda meter: issued(meter, usages=[ExtendedKeyUsageOID.SERVER_AUTH]),
    "RSA of 1024 bits": lambda meter: issued(meter, key=rsa.generate_private_key(65537, 1024)),
    "of another CA": other_ca,
    "signed by a meter": by_meter,
    "another meter's certificate": lambda meter: (Meter(meter.utility).cert, meter.key),
}


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_client_with(runtime, utility, kind):
    meter = Meter(utility)
    before = utility.server.counters.requests
    results = runtime.run(meter.job(*CLIENTS[kind](meter)))
    assert results[-1].get("os"), results  # CPython, with TLS 1.3, learns it at its first read
    assert utility.server.counters.requests == before
    assert "value" in runtime.run(meter.job())[-1]  # the meter itself goes on


def test_a_client_with_no_certificate(runtime, utility):
    meter = Meter(utility)
    before = utility.server.counters.requests
    assert runtime.run(meter.job(cert=None, key=None) | {"cert": None})[-1]["os"]
    assert utility.server.counters.requests == before


@pytest.mark.parametrize("name", ["nobody", "*server*", "meter-1x", "METER-1"])
def test_a_client_of_a_name_that_is_none_of_ours(runtime, utility, name):
    meter = Meter(utility)
    failed = runtime.run(meter.job(*issued(meter, name=name)))[-1]
    assert (failed["error"], failed["reason"]) == ("KmipError", AUTHENTICATION_NOT_SUCCESSFUL), failed


def test_a_meter_that_is_revoked(runtime, utility):
    meter = Meter(utility)
    utility.server.engine.revoke_device(meter.name)
    failed = runtime.run(meter.job())[-1]
    assert (failed["error"], failed["reason"]) == ("KmipError", AUTHENTICATION_NOT_SUCCESSFUL), failed
    utility.server.engine.revoke_device(meter.name, False)
    assert "value" in runtime.run(meter.job())[-1]


def test_a_meter_whose_certificate_is_revoked(runtime, utility):
    meter = Meter(utility)
    engine = utility.server.engine
    owner = direct.Direct(engine, engine.identify(meter.name))
    owner.call(Operation.REVOKE, ttlv.text(T.UNIQUE_IDENTIFIER, meter.config["cert_uid"]), ttlv.structure(
        T.REVOCATION_REASON, ttlv.enumeration(T.REVOCATION_REASON_CODE, 2)))
    failed, again = runtime.run(meter.job(calls=[["query", [], {}]] * 2))[1:]
    assert (failed["error"], failed["reason"]) == ("KmipError", AUTHENTICATION_NOT_SUCCESSFUL), failed
    assert again["os"]  # the server has closed


# ---- what the server speaks, asked by a client that would take anything ----


def shake(utility, meter, ciphers="ALL:@SECLEVEL=0", versions=None):
    """Shake hands; (version, cipher)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1
    if versions:
        context.minimum_version = context.maximum_version = versions
    context.set_ciphers(ciphers)
    kit.load_chain(context, types.SimpleNamespace(
        pem=ssl.DER_cert_to_PEM_cert(meter.cert).encode(),
        key_pem=serialization.load_der_private_key(meter.key, None).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())))
    with socket.create_connection(("127.0.0.1", utility.server.port), 5) as raw, \
            context.wrap_socket(raw) as tls:
        return tls.version(), tls.cipher()[0]


@pytest.mark.parametrize("version", ["SSLv3", "TLSv1", "TLSv1_1"])
def test_old_versions_are_refused(utility, version):
    with pytest.raises((ssl.SSLError, ConnectionError, ValueError)):
        shake(utility, Meter(utility), versions=ssl.TLSVersion[version])


WEAK = ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-SHA256", "AES128-SHA",
        "AES256-GCM-SHA384", "ECDHE-ECDSA-NULL-SHA", "AECDH-AES128-SHA", "ECDHE-ECDSA-CAMELLIA128-SHA256",
        "ECDHE-ECDSA-AES128-CCM8", "PSK-AES128-GCM-SHA256")


@pytest.mark.parametrize("suite", WEAK)
def test_weak_suites_are_refused(utility, suite):
    """No forward secrecy, CBC, no cipher, no certificate, a short tag."""
    with pytest.raises((ssl.SSLError, ConnectionError)):
        shake(utility, Meter(utility), suite + ":@SECLEVEL=0", ssl.TLSVersion.TLSv1_2)


def test_good_suites_are_taken(utility):
    meter = Meter(utility)
    for suite in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                  "ECDHE-ECDSA-CHACHA20-POLY1305"):
        assert shake(utility, meter, suite, ssl.TLSVersion.TLSv1_2) == ("TLSv1.2", suite)
    assert shake(utility, meter)[0] == "TLSv1.3"
