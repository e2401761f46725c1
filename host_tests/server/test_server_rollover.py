"""The CAs get new keys: cross-certificates, Certificate Links, and meters that follow."""

import shutil
import signal
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from meterkit import Running, Utility
from serverkit import Wire, der_to_pem, make_engine
from test_server_certify import certify, csr, failure, meter, recertify, register_public, request_items
from test_server_cli import run
from test_server_store import serve
from waiting import wait_for

from identity.anchors import Anchors
from tools.provision import provision
from tools.refserver import Engine, init, rollover, ttlv
from tools.refserver.authority import METER_CA, SERVER_CA, Authority
from tools.refserver.certificates import der
from tools.refserver.direct import Direct, attribute, payload_of
from tools.refserver.enums import LinkType, Operation
from tools.refserver.enums import ResultReason as R
from tools.refserver.managed import link_item
from tools.refserver.policy import BOOTSTRAP, Identity
from tools.refserver.setup import reissue
from tools.refserver.tags import Tag as T

__all__ = ["meter"]


def linked(caller, uid, kind=LinkType.CERTIFICATE_LINK):
    """Where an object's Link of a type leads, over KMIP; None where it has none."""
    payload = caller.call(Operation.GET_ATTRIBUTES, ttlv.text(T.UNIQUE_IDENTIFIER, uid),
                          ttlv.text(T.ATTRIBUTE_NAME, "Link"))
    for item in payload.value[1:]:
        link = item.find(T.ATTRIBUTE_VALUE)
        if link.find(T.LINK_TYPE).value == kind:
            return link.find(T.LINKED_OBJECT_IDENTIFIER).value
    return None


def got(caller, uid):
    """A certificate by Get."""
    payload = caller.call(Operation.GET, ttlv.text(T.UNIQUE_IDENTIFIER, uid))
    return x509.load_der_x509_certificate(payload.find(T.CERTIFICATE).find(T.CERTIFICATE_VALUE).value)


def renewed(caller, uid):
    return recertify(caller, uid, *request_items(csr(caller.key)), ttlv.interval(T.OFFSET, 0))


def test_a_certificate_has_no_issuer_link_before(meter):
    uid = certify(meter, meter.public, *request_items(csr(meter.key)))
    assert linked(meter, uid) is None


def test_renewed_under_the_new_key(meter):
    first = certify(meter, meter.public, *request_items(csr(meter.key)))
    old = meter.engine.meter_ca.certificate
    paths = rollover.roll(meter.engine, METER_CA)
    new = meter.engine.meter_ca.certificate
    assert new.public_key() != old.public_key()
    assert new.subject.rfc4514_string() == "CN=Meter CA 2"
    uid = renewed(meter, first)
    assert linked(meter, uid, LinkType.REPLACED_OBJECT_LINK) == first
    certificate = got(meter, uid)
    certificate.verify_directly_issued_by(new)
    issuer = got(meter, linked(meter, uid))
    certificate.verify_directly_issued_by(issuer)
    issuer.verify_directly_issued_by(old)
    assert issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert issuer.not_valid_after_utc <= old.not_valid_after_utc
    assert [path.read_bytes() for path in paths] == [der(issuer)]


def test_certified_under_the_new_key(meter):
    rollover.roll(meter.engine, METER_CA)
    uid = certify(meter, meter.public, *request_items(csr(meter.key)))
    got(meter, uid).verify_directly_issued_by(got(meter, linked(meter, uid)))
    assert linked(meter, meter.public) == uid


def test_a_second_roll_links_to_what_the_asker_can_verify(meter):
    first = certify(meter, meter.public, *request_items(csr(meter.key)))
    oldest = meter.engine.meter_ca.certificate
    rollover.roll(meter.engine, METER_CA)
    middle = meter.engine.meter_ca.certificate
    assert len(rollover.roll(meter.engine, METER_CA)) == 2
    slept = renewed(meter, first)
    got(meter, linked(meter, slept)).verify_directly_issued_by(oldest)
    meter.identity.issuer = middle.subject  # TLS: a certificate of the second CA
    again = renewed(meter, slept)
    got(meter, linked(meter, again)).verify_directly_issued_by(middle)


def test_everybody_may_read_the_issuer_and_nobody_change_or_find_it(meter):
    rollover.roll(meter.engine, METER_CA)
    uid = linked(meter, certify(meter, meter.public, *request_items(csr(meter.key))))
    other = Direct(meter.engine, meter.engine.add_device("meter-0002"))
    enrols = Direct(meter.engine, meter.engine.add_device("meter-0002", "meter-0002-bootstrap", BOOTSTRAP))
    item = ttlv.text(T.UNIQUE_IDENTIFIER, uid)
    for caller in (meter, other, enrols):
        assert got(caller, uid) == got(meter, uid)
        caller.call(Operation.GET_ATTRIBUTES, item)
        caller.call(Operation.GET_ATTRIBUTE_LIST, item)
    reason = ttlv.structure(T.REVOCATION_REASON, ttlv.enumeration(T.REVOCATION_REASON_CODE, 1))
    group = attribute("Object Group", ttlv.text(T.ATTRIBUTE_VALUE, "mine"))
    request = request_items(csr(meter.key))
    for operation, payload in (
            (Operation.DESTROY, []), (Operation.REVOKE, [reason]), (Operation.ADD_ATTRIBUTE, [group]),
            (Operation.ACTIVATE, []), (Operation.RE_CERTIFY, request), (Operation.CERTIFY, request)):
        assert failure(meter.call, operation, item, *payload) == R.PERMISSION_DENIED, operation
    found = meter.call(Operation.LOCATE, attribute("Unique Identifier", item))
    assert found.find(T.UNIQUE_IDENTIFIER) is None
    # Nor can a device tie an object of its own to it.
    link = attribute("Link", link_item(LinkType.CERTIFICATE_LINK, uid))
    assert failure(register_public, meter, meter.key, link) == R.PERMISSION_DENIED


def test_no_device_can_be_the_server(meter):
    with pytest.raises(ValueError, match="device id"):
        meter.engine.add_device("*server*")
    nobody = Direct(meter.engine, Identity("*server*"))
    assert failure(nobody.call, Operation.QUERY) == R.AUTHENTICATION_NOT_SUCCESSFUL


def test_a_folder_whose_key_is_of_another_roll_is_refused(tmp_path):
    init(tmp_path / "state")
    engine, _ = make_engine(tmp_path / "state")
    rollover.roll(engine, METER_CA)
    shutil.copy(tmp_path / "state" / "meter-ca-1.key", tmp_path / "state" / "meter-ca.key")
    with pytest.raises(ValueError, match="do not belong together"):
        Authority.load(tmp_path / "state", METER_CA)
    with pytest.raises(ValueError, match="neither"):
        rollover.roll(engine, "billing")


def test_the_keys_are_their_owners_only(meter):
    rollover.roll(meter.engine, METER_CA)
    for name in ("meter-ca.key", "meter-ca-1.key"):
        assert (meter.engine.folder / name).stat().st_mode & 0o777 == 0o600


def test_a_device_provisioned_later_knows_only_the_new_ca(tmp_path):
    init(tmp_path / "state")
    engine = Engine(tmp_path / "state")
    rollover.roll(engine, METER_CA)
    rollover.roll(engine, SERVER_CA)
    provision(tmp_path / "state", "meter-0009", tmp_path / "meter")
    assert (tmp_path / "meter" / "meter_ca.der").read_bytes() == engine.meter_ca.der
    server_ca = Authority.load(tmp_path / "state", SERVER_CA)
    assert (tmp_path / "meter" / "server_ca.der").read_bytes() == server_ca.der
    engine.close()


def test_the_command_line(tmp_path):
    state = str(tmp_path / "state")
    init(state)
    config = provision(state, "meter-0001", tmp_path / "old")
    process, port = serve(state, tmp_path)
    files = der_to_pem(tmp_path / "old")
    for ca in ("meter-ca", "server-ca"):
        done = run("tools.refserver", "roll", "--dir", state, ca)
        assert done.returncode == 0, done.stderr
        assert Path(done.stdout.strip()).name == ca + "-cross-1.der"
    assert run("tools.refserver", "roll", "--dir", state, "meter-ca").stdout.count("\n") == 2
    get = (Operation.GET, ttlv.text(T.UNIQUE_IDENTIFIER, config["key_uid"]))
    process.send_signal(signal.SIGHUP)
    # Its certificate is still the old CA's, and the meter's own, too, is accepted.
    with Wire(port, files) as wire:
        payload_of(wire.call(*get))
    assert run("tools.refserver", "reissue", "--dir", state).stdout == "server.crt\n"
    process.send_signal(signal.SIGHUP)
    (tmp_path / "new.pem").write_bytes(Path(state, "server-ca.crt").read_bytes())

    def switched():
        try:
            with Wire(port, files):
                return False
        except ssl.SSLCertVerificationError:
            return True
    wait_for(switched, "a server's certificate from the new CA")
    with Wire(port, (*files[:2], tmp_path / "new.pem")) as wire:
        payload_of(wire.call(*get))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0


# The meter, from end to end.


def anchors_of(utility):
    """The anchors that the meter's own journal holds."""
    return Anchors(str(utility.folder / "anchors"), [], [])


def test_a_meter_follows_the_issuer_of_its_certificate(tmp_path):
    with Utility(tmp_path) as utility, Running(utility) as meter:
        first = utility.reported()
        utility.close()
        engine = Engine(utility.state)
        cross = rollover.roll(engine, METER_CA)[0].read_bytes()
        new = engine.meter_ca.certificate
        engine.close()
        utility.open()
        meter.until("state", state="TRIAL", mode="renew")
        meter.until("state", state="STABLE")

        def under_the_new_ca():
            certificate = utility.billing.reports[-1].certificate if utility.billing.reports else None
            return certificate is not None and certificate.issuer == new.subject
        wait_for(under_the_new_ca, "a report under the new CA")
        certificate = utility.billing.reports[-1].certificate
        certificate.verify_directly_issued_by(new)
        assert certificate.serial_number != first
        meter.until("state", state="STABLE")
    assert anchors_of(utility).issuer == [cross]  # the old one is gone


def test_a_meter_follows_the_server_ca(tmp_path):
    with Utility(tmp_path, renewal={"max_age": 3600}) as utility:
        engine = Engine(utility.state)
        cross = rollover.roll(engine, SERVER_CA)[0].read_bytes()
        engine.close()
        (utility.folder / "offered").mkdir()
        (utility.folder / "offered" / "server1.der").write_bytes(cross)
        with Running(utility) as meter:
            utility.reported()  # the server still has its old certificate
            assert len(anchors_of(utility).server) == 2
            assert reissue(utility.state) == ["billing.crt", "server.crt"]
            utility.close()
            utility.open()
            utility.reported(2)
            meter.reset()
        # The next connection to the key server proves the new anchor.
        with Running(utility) as meter:
            meter.until("key")
        assert anchors_of(utility).server == [cross]


def test_a_meter_without_the_new_anchor_does_not_follow(tmp_path):
    with Utility(tmp_path) as utility:
        engine = Engine(utility.state)
        rollover.roll(engine, SERVER_CA)
        engine.close()
        reissue(utility.state)
        utility.close()
        utility.open()
        with Running(utility) as meter:
            wait_for(lambda: any("no report" in line for line in meter.log), "a refused connection")
        assert utility.billing.reports == []
