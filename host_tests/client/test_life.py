"""Every operation of the client against the reference server, in every version, on CPython and both Unix
ports: see life.py."""

import life
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from test_refserver import Meter, hexed

from tools.refserver import Server, init
from tools.refserver.enums import Operation
from tools.steps import ROOT

VERSIONS = (10, 11, 12, 13, 14, 20, 21)
# get_object is Get once more, in the tests of objects.
VERBS = {path.stem for path in (ROOT / "firmware" / "kmip_lite" / "ops").glob("*.py")} - {
    "__init__", "get_object"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("life")
    init(folder / "state")
    with Server(folder / "state", newest=21) as running:
        running.folder = folder
        for operation in (Operation.ARCHIVE, Operation.RECOVER):
            running.engine.pending.set(operation, "always")
        yield running


@pytest.mark.parametrize("version", VERSIONS)
def test_every_operation(runtime, server, version):
    meter = Meter(runtime, server, "life-%s-%d" % (runtime.name, version))
    key = x509.load_der_x509_certificate(meter.cert).public_key()
    spki = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    (used,) = runtime.run({
        "port": server.port, "name": "localhost", "anchors": [hexed(meter.der("server_ca"))],
        "cert": hexed(meter.cert), "key": hexed(meter.key), "version": version, "prefix": "life-",
        "csr": hexed(meter.der("csr")), "spki": hexed(spki),
    }, script=life)
    missing = {"discover_versions", "rekey_key_pair"} if version == 10 else set()
    assert set(used) == VERBS - missing
