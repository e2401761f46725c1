"""Batches, asynchronous answers and the header's fields, against the reference server, on CPython and both
Unix ports: see exchanges.py."""

import exchanges
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from test_refserver import Meter, hexed

from tools.refserver import Server, init

VERSIONS = (10, 12, 14, 20, 21)
# Result Reasons that 2.x has other numbers for.
ITEM_NOT_FOUND, OBJECT_NOT_FOUND = 0x01, 0x37
INVALID_CORRELATION = 0x2B
CANCELED = 0x09


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exchanges")
    init(folder / "state")
    return folder


def tried(runtime, state, version, *names, **options):
    with Server(state / "state", newest=21, **options) as server:
        server.folder = state
        meter = Meter(runtime, server, "m-%s-%d-%s" % (runtime.name, version, names[0]))
        key = x509.load_der_x509_certificate(meter.cert).public_key()
        spki = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        newer = version >= 20
        (done,) = runtime.run({
            "port": server.port, "name": "localhost", "anchors": [hexed(meter.der("server_ca"))],
            "cert": hexed(meter.cert), "key": hexed(meter.key), "version": version, "buf": 8192,
            "csr": hexed(meter.der("csr")), "spki": hexed(spki), "prefix": meter.name,
            "key_uid": meter.config.key_uid, "cert_uid": meter.config.cert_uid, "tries": names,
            "not_found": OBJECT_NOT_FOUND if newer else ITEM_NOT_FOUND,
            "no_such_correlation": INVALID_CORRELATION if newer else ITEM_NOT_FOUND,
            "canceled": CANCELED,
        }, script=exchanges)
    assert done == list(names)


@pytest.mark.parametrize("version", VERSIONS)
def test_batches(runtime, state, version):
    tried(runtime, state, version, "placeholder", "many", "stop", "go_on", "undo")


OPERATIONS = ("register", "certify", "get", "recertify", "get_usage_allocation", "create", "locate",
              "get_attributes", "activate", "revoke", "destroy", "query")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_operation_may_be_pending(runtime, state, version):
    rules = dict.fromkeys((name.replace("recertify", "re_certify") for name in OPERATIONS), "always")
    tried(runtime, state, version, "pending", asynchronous=rules)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_pending_can_be_cancelled(runtime, state, version):
    tried(runtime, state, version, "cancelled", asynchronous={"create": "forever"})


@pytest.mark.parametrize("version", VERSIONS)
def test_credentials(runtime, state, version):
    tried(runtime, state, version, "credential", passwords={"meter": "a secret"})


@pytest.mark.parametrize("version", (14, 20, 21))
def test_correlation_values(runtime, state, version):
    tried(runtime, state, version, "correlation")
