"""The server over real TLS, driven by a bare client: the meter's whole round."""

import time

from serverkit import Wire, der_to_pem

from tools.provision import provision
from tools.refserver import Server, direct, init, ttlv
from tools.refserver.certificates import load
from tools.refserver.direct import payload_of
from tools.refserver.enums import CertificateRequestType, Operation
from tools.refserver.tags import Tag as T


def uid_item(uid):
    return ttlv.text(T.UNIQUE_IDENTIFIER, uid)


def test_a_meter_renews_and_connects_with_the_new_certificate(tmp_path):
    state, out = tmp_path / "state", tmp_path / "meter"
    init(state, life=600)
    config = provision(state, "meter-0001", out, life=20, usage_total=100)
    with Server(state) as server:
        with Wire(server.port, der_to_pem(out)) as wire:
            versions = payload_of(wire.call(Operation.DISCOVER_VERSIONS))
            assert [[part.value for part in item.value] for item in versions.value] == [
                [1, 4], [1, 3], [1, 2], [1, 1], [1, 0]]
            key = payload_of(wire.call(Operation.GET, uid_item(config["key_uid"])))
            block = key.find(T.SYMMETRIC_KEY).find(T.KEY_BLOCK)
            assert len(block.find(T.KEY_VALUE).find(T.KEY_MATERIAL).value) == 16
            allocate = (uid_item(config["key_uid"]), ttlv.long_integer(T.USAGE_LIMITS_COUNT, 60))
            payload_of(wire.call(Operation.GET_USAGE_ALLOCATION, *allocate))
            refused = wire.call(Operation.GET_USAGE_ALLOCATION, *allocate)
            assert refused.find(T.RESULT_REASON).value == 0x0C  # Permission Denied
            answer = ttlv.decode(wire.exchange(direct.request(
                12,
                (Operation.RE_CERTIFY, [
                    uid_item(config["cert_uid"]),
                    ttlv.enumeration(T.CERTIFICATE_REQUEST_TYPE, CertificateRequestType.PKCS10),
                    ttlv.byte_string(T.CERTIFICATE_REQUEST, (out / "csr.der").read_bytes()),
                    ttlv.interval(T.OFFSET, 0)]),
                (Operation.GET, []),
                ordered=True)))
            items = [item for item in answer.value if item.tag == T.BATCH_ITEM]
            new_uid = payload_of(items[0]).find(T.UNIQUE_IDENTIFIER).value
            got = payload_of(items[1])
            assert got.find(T.UNIQUE_IDENTIFIER).value == new_uid != config["cert_uid"]
        new = got.find(T.CERTIFICATE).find(T.CERTIFICATE_VALUE).value
        old = (out / "cert.der").read_bytes()
        assert load(new).public_key() == load(old).public_key()
        assert load(new).subject == load(old).subject
        assert load(new).not_valid_after_utc > load(old).not_valid_after_utc
        assert load(new).not_valid_before_utc.timestamp() <= time.time()
        (out / "cert.der").write_bytes(new)
        with Wire(server.port, der_to_pem(out)) as wire:
            payload_of(wire.call(Operation.GET, uid_item(config["key_uid"])))
        assert server.counters.handshakes == 2
        assert server.counters.requests == 6
