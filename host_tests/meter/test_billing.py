"""The billing end point takes what the meter seals, and refuses everything else; over TLS as it is."""

import asyncio
import json
import os

import pytest
from cryptography.hazmat.primitives import serialization

from identity.slots import Identity
from kmip_lite import tls
from meter.aworld import post
from meter.seal import seal
from tools.billing import Billing, Refused
from tools.provision import provision
from tools.refserver import Engine, init, operator

KEY_LABELS = ("meter-0001", "meter-0002")


class Utility:
    """A key server's state, a billing end point, and two meters that are provisioned for them."""

    def __init__(self, folder):
        init(folder / "state", life=3600)
        self.configs = {
            name: provision(folder / "state", name, folder / name) for name in KEY_LABELS
        }
        self.folder = folder
        self.engine = Engine(folder / "state")
        self.billing = Billing(
            self.engine, {name: config["key_uid"] for name, config in self.configs.items()}
        )

    def read(self, name, file):
        return (self.folder / name / file).read_bytes()

    def identity(self, name):
        return Identity(self.read(name, "key.der"), self.read(name, "cert.der"))

    def post(self, name, body, path="/reports"):
        identity = self.identity(name)
        context = tls.context([self.read(name, "server_ca.der")], identity.cert, identity.key)
        address = ("127.0.0.1", self.billing.port, "localhost", 5)
        return asyncio.run(post(address, context, path, body))

    def report(self, device, sequence=1, key=None, sealed=True):
        header = json.dumps({"device": device, "boot": 1, "sequence": sequence}).encode()
        if not sealed:
            return bytes([len(header)]) + header
        key = key or self.billing.key_of(device)
        text = json.dumps({"wh": 40, "time": 1}).encode()
        return bytes([len(header)]) + header + seal(key, header, text, os.urandom(16))


@pytest.fixture
def utility(tmp_path):
    made = Utility(tmp_path)
    with made.billing:
        yield made
    made.engine.close()


def test_a_report_is_accepted_once(utility):
    body = utility.report("meter-0001")
    assert utility.post("meter-0001", body) == 204
    assert utility.post("meter-0001", body) == 400
    assert utility.post("meter-0001", utility.report("meter-0001", 2)) == 204
    assert [(r.device, r.sequence, r.wh) for r in utility.billing.reports] == [
        ("meter-0001", 1, 40), ("meter-0001", 2, 40)]


def test_a_meter_without_leave_to_use_its_key_still_reports(utility):
    assert utility.post("meter-0001", utility.report("meter-0001", sealed=False)) == 204
    assert utility.post("meter-0002", utility.report("meter-0001", 2, sealed=False)) == 403
    assert [report.wh for report in utility.billing.reports] == [None]


def test_no_meter_reports_for_another(utility):
    assert utility.post("meter-0002", utility.report("meter-0001")) == 403
    other = utility.billing.key_of("meter-0002")
    assert utility.post("meter-0001", utility.report("meter-0001", key=other)) == 400
    assert not utility.billing.reports


def test_every_changed_byte_breaks_the_seal(utility):
    body = utility.report("meter-0001")
    identity = utility.identity("meter-0001")
    for at in range(len(body)):
        changed = bytearray(body)
        changed[at] ^= 1
        with pytest.raises(Refused):
            utility.billing.accept(bytes(changed), identity.cert)
    assert not utility.billing.reports
    utility.billing.accept(body, identity.cert)


@pytest.mark.parametrize("body", [b"\x05abc", b"\x02{}" + bytes(64), b"\xff" + bytes(400), b"\x00"])
def test_garbage_is_refused(utility, body):
    assert utility.post("meter-0001", body) == 400


@pytest.mark.parametrize("sealed", [True, False])
def test_a_revoked_meter_or_certificate_is_refused(utility, sealed):
    """Also a report that needs no key."""
    body = utility.report("meter-0001", sealed=sealed)
    utility.engine.revoke_device("meter-0001")
    assert utility.post("meter-0001", body) == 403
    utility.engine.revoke_device("meter-0001", False)
    operator.withdraw(utility.engine, utility.configs["meter-0001"]["cert_uid"])
    assert utility.post("meter-0001", body) == 403
    assert utility.post("meter-0002", utility.report("meter-0002", sealed=sealed)) == 204


def test_another_path_is_refused(utility):
    assert utility.post("meter-0001", utility.report("meter-0001"), "/elsewhere") == 400


def test_a_stranger_gets_no_connection(utility, tmp_path):
    init(tmp_path / "other", life=3600)
    provision(tmp_path / "other", "meter-0001", tmp_path / "stranger")
    context = tls.context(
        [utility.read("meter-0001", "server_ca.der")],
        (tmp_path / "stranger" / "cert.der").read_bytes(),
        (tmp_path / "stranger" / "key.der").read_bytes())
    address = ("127.0.0.1", utility.billing.port, "localhost", 5)
    with pytest.raises(tls.TLSError) as caught:
        asyncio.run(post(address, context, "/reports", b"\x00"))
    assert caught.value.refused


def test_the_provisioned_key_is_the_certificates(utility):
    key = serialization.load_der_private_key(utility.read("meter-0001", "key.der"), None)
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(utility.read("meter-0001", "cert.der"))
    assert certificate.public_key() == key.public_key()
