"""Connections: who gets in, bytes that are no request, time-outs, caps, and faults on demand."""

import socket
import ssl
import struct
import threading
import time
import types

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization as ser
from cryptography.x509.oid import NameOID
from serverkit import Wire, client_files
from waiting import wait_for

from tools.refserver import Server, direct, engine, faults, init, policy, ttlv
from tools.refserver.__main__ import main
from tools.refserver.authority import METER_CA, Authority, new_key, private_pem
from tools.refserver.certificates import certificate_object
from tools.refserver.direct import Direct, attribute
from tools.refserver.enums import ObjectType, Operation, ResultStatus
from tools.refserver.enums import ResultReason as R
from tools.refserver.tags import Tag as T

QUERY = direct.request(12, (Operation.QUERY, [ttlv.enumeration(T.QUERY_FUNCTION, 1)]))


class Setting:
    """A running server, its log, and the client files of meter-0001."""

    def __init__(self, folder, **options):
        self.folder = folder
        self.state = folder / "state"
        init(self.state, name="kmip.example")
        self.log = []
        self.server = Server(self.state, verbose=1, log=self.log.append, **options)
        self.server.engine.add_device("meter-0001")
        self.files = self.issue("meter-0001")

    def issue(self, common_name, when=None, **options):
        return client_files(self.folder, self.state, common_name,
                            int(time.time()) if when is None else when, **options)

    def wire(self, files=None, **options):
        return Wire(self.server.port, files or self.files, **options)


@pytest.fixture
def setting(tmp_path):
    made = Setting(tmp_path)
    with made.server:
        yield made


def reason(data):
    found = ttlv.decode(data).find(T.BATCH_ITEM).find(T.RESULT_REASON)
    return None if found is None else found.value


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_tls_versions(setting, version):
    with setting.wire(version=version) as wire:
        assert reason(wire.exchange(QUERY)) is None
        assert wire.tls.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]


def test_the_servers_names(setting):
    for name in ("localhost", "127.0.0.1", "kmip.example"):
        setting.wire(name=name).__exit__()
    with pytest.raises(ssl.SSLCertVerificationError):
        setting.wire(name="other.example")


def refused(setting, files):
    """The server lets nothing through: an alert at the handshake or at the first read."""
    with pytest.raises((ssl.SSLError, ConnectionError)), setting.wire(files) as wire:
        assert wire.exchange(QUERY) == b""
        raise ConnectionError("closed")
    assert setting.server.counters.requests == 0


def test_no_certificate_and_certificates_of_another_ca(setting, tmp_path):
    refused(setting, (None, None, setting.files[2]))
    other = tmp_path / "other"
    init(other)
    cert, key, _ = client_files(tmp_path, other, "meter-0001", int(time.time()))
    refused(setting, (cert, key, setting.files[2]))


def test_a_server_certificate_is_no_client_certificate(setting, tmp_path):
    key = tmp_path / "server.key"
    key.write_bytes(private_pem(setting.server.engine.vault.load_pem(setting.state / "server.key")))
    refused(setting, (setting.state / "server.crt", key, setting.files[2]))


def test_expired_and_not_yet_valid_certificates(setting):
    now = int(time.time())
    for when in (now - 100, now + 1000):
        refused(setting, setting.issue("meter-0001", when, life=50))


def test_an_unknown_device_and_a_certificate_with_two_names(setting):
    key = new_key()
    two = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)
                     for name in ("meter-0001", "meter-0002")])
    certificate = Authority.load(setting.state, METER_CA).issue_client(
        two, key.public_key(), int(time.time()), 100)
    paths = setting.folder / "two.crt", setting.folder / "two.key"
    paths[0].write_bytes(certificate.public_bytes(ser.Encoding.PEM))
    paths[1].write_bytes(private_pem(key))
    for files in (setting.issue("meter-0404"), (*paths, setting.files[2])):
        with setting.wire(files) as wire:
            assert reason(wire.exchange(QUERY)) == R.AUTHENTICATION_NOT_SUCCESSFUL
            assert wire.read() == b""  # closed


def test_a_device_revoked_while_connected(setting):
    with setting.wire() as wire:
        assert reason(wire.exchange(QUERY)) is None
        setting.server.engine.revoke_device("meter-0001")
        assert reason(wire.exchange(QUERY)) == R.AUTHENTICATION_NOT_SUCCESSFUL


def test_a_certificate_that_runs_out_while_connected(setting, monkeypatch):
    """What is under way may end; but no connection stays open for long under a certificate that is over."""
    assert policy.GRACE == 60
    with setting.wire(setting.issue("meter-0001", life=120)) as wire:
        for after, wanted in ((0, None), (150, None), (190, R.AUTHENTICATION_NOT_SUCCESSFUL)):
            # TLS looked at the clock in the handshake; from here on it is the engine alone.
            monkeypatch.setattr(engine, "time", types.SimpleNamespace(time=lambda on=after: time.time() + on))
            assert reason(wire.exchange(QUERY)) == wanted, after
        assert wire.read() == b""  # closed


def test_a_device_withdrawn_by_another_process_while_connected(setting):
    with setting.wire() as wire:
        assert reason(wire.exchange(QUERY)) is None
        for command in ("revoke", "accept"):
            assert main([command, "--dir", str(setting.state), "--device", "meter-0001"]) == 0
            if command == "revoke":
                assert reason(wire.exchange(QUERY)) == R.AUTHENTICATION_NOT_SUCCESSFUL
    with setting.wire() as wire:
        assert reason(wire.exchange(QUERY)) is None


def test_a_revoked_certificate_no_longer_connects(setting):
    der = ssl.PEM_cert_to_DER_cert(setting.files[0].read_text())
    caller = Direct(setting.server.engine, setting.server.engine.identify("meter-0001"))
    uid = caller.register(
        ObjectType.CERTIFICATE, certificate_object(der),
        attribute("Cryptographic Usage Mask", ttlv.integer(T.STATE, 2)),
        attribute("Activation Date", ttlv.date_time(T.STATE, int(time.time()))))
    with setting.wire() as wire:
        assert reason(wire.exchange(QUERY)) is None
        caller.call(Operation.REVOKE, ttlv.text(T.UNIQUE_IDENTIFIER, uid), ttlv.structure(
            T.REVOCATION_REASON, ttlv.enumeration(T.REVOCATION_REASON_CODE, 5)))
        assert reason(wire.exchange(QUERY)) == R.AUTHENTICATION_NOT_SUCCESSFUL  # at once
    with setting.wire() as wire:
        assert reason(wire.exchange(QUERY)) == R.AUTHENTICATION_NOT_SUCCESSFUL
    with setting.wire(setting.issue("meter-0001")) as wire:  # another one of the same device
        assert reason(wire.exchange(QUERY)) is None


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x42\x00\x7b\x01\x00\x00\x00\x00",
    b"\x42\x00\x78\x01\x00\x00\x00\x09" + bytes(9),
    b"\x42\x00\x78\x01\x7f\xff\xff\xf8",
])
def test_what_is_no_request_is_told_so_and_closed(setting, data):
    with setting.wire() as wire:
        assert reason(wire.exchange(data)) == R.INVALID_MESSAGE
        assert wire.read() == b""
    assert setting.server.counters.requests == 0


def test_a_malformed_request_closes_a_wrong_one_does_not(setting):
    with setting.wire() as wire:
        assert reason(wire.exchange(direct.request(12, (0x7777, [])))) == (
            R.OPERATION_NOT_SUPPORTED)
        assert reason(wire.exchange(QUERY)) is None
        broken = bytearray(QUERY)
        broken[11] = 0x0F  # the type of the first item within
        assert reason(wire.exchange(bytes(broken))) == R.INVALID_MESSAGE
        assert wire.read() == b""


def test_requests_in_pieces_and_two_at_once(setting):
    with setting.wire() as wire:
        for position in range(0, len(QUERY), 7):
            wire.tls.sendall(QUERY[position:position + 7])
            time.sleep(0.001)
        assert reason(wire.read()) is None
        wire.tls.sendall(QUERY + QUERY)
        whole = len(wire.read())
        assert whole  # both answers may arrive in one read
        wait_for(lambda: setting.server.counters.requests == 3)


def test_slow_peers_are_dropped(tmp_path):
    for slow, limit in (("handshake", "handshake_timeout"), ("idle", "idle_timeout"), ("drip", "io_timeout")):
        (tmp_path / slow).mkdir()
        made = Setting(tmp_path / slow, **{limit: 0.5})  # the others are those of every day
        with made.server:
            if slow == "handshake":
                with socket.create_connection(("127.0.0.1", made.server.port), 30) as silent:
                    assert silent.recv(1) == b""
            elif slow == "idle":
                with made.wire(timeout=30) as idle:
                    assert idle.read() == b""
            else:
                with made.wire() as drip, pytest.raises((ConnectionError, ssl.SSLError)):
                    for byte in QUERY:  # each byte comes in time, the whole does not
                        drip.tls.sendall(bytes([byte]))
                        time.sleep(0.05)
            wait_for(lambda server=made.server: not server._sockets)
        assert made.server.counters.requests == 0


def test_a_peer_that_does_not_read_is_dropped(tmp_path):
    made = Setting(tmp_path, io_timeout=0.5)
    big = direct.request(12, *[(Operation.QUERY, [
        ttlv.enumeration(T.QUERY_FUNCTION, number) for number in (1, 2, 3)])] * 32)
    with made.server, made.wire() as wire:
        wire.tls.settimeout(2)
        with pytest.raises((OSError, TimeoutError)):
            for _ in range(20000):
                wire.tls.sendall(big)
        wait_for(lambda: not made.server._sockets)


def test_the_number_of_connections_is_capped(tmp_path):
    made = Setting(tmp_path, max_connections=2)
    with made.server:
        first, second = made.wire(), made.wire()
        with pytest.raises((OSError, ssl.SSLError)):
            made.wire()
        assert made.server.counters.refused == 1
        second.__exit__()
        wait_for(lambda: len(made.server._sockets) == 1)
        with made.wire() as third:
            assert reason(third.exchange(QUERY)) is None
        assert reason(first.exchange(QUERY)) is None
        first.__exit__()


def test_many_clients_at_once(setting):
    answers = []

    def work():
        with setting.wire() as wire:
            for _ in range(10):
                answers.append(reason(wire.exchange(QUERY)))
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [None] * 80


def test_stop_ends_every_connection_and_the_port_is_free_again(tmp_path):
    made = Setting(tmp_path)
    with made.server:
        port = made.server.port
        idle = made.wire()
        idle.exchange(QUERY)
    with pytest.raises((OSError, AssertionError)):
        assert idle.exchange(QUERY)
    idle.__exit__()
    again = Server(made.state, port=port)
    with again, made.wire():
        assert again.port == port


def test_a_port_in_use_is_an_error(setting):
    with pytest.raises(OSError):
        Server(setting.state, port=setting.server.port).start()


# faults on demand


def test_delay_cut_close_and_lose(setting):
    f = setting.server.faults
    f.add(delay=0.4)
    with setting.wire() as wire:
        started = time.monotonic()
        whole = wire.exchange(QUERY)
        assert reason(whole) is None and time.monotonic() - started >= 0.4
    for cut in (0, 1, 7, 8, 40, len(whole) - 1):
        f.add(cut=cut)
        with setting.wire() as wire:
            got = wire.exchange(QUERY)
            assert len(got) == cut and got[:64] == whole[:cut][:64]  # behind: the Time Stamp
    for what in ({"close": True}, {"lose": True}):
        f.add(**what)
        with setting.wire() as wire:
            assert wire.exchange(QUERY) == b""
    with setting.wire() as wire:
        assert reason(wire.exchange(QUERY)) is None


def test_a_lost_answer_happened_a_lost_request_did_not(setting):
    create = direct.request(12, (Operation.CREATE, [
        ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY), direct.template(
            attribute("Cryptographic Algorithm", ttlv.enumeration(T.STATE, 3)),
            attribute("Cryptographic Usage Mask", ttlv.integer(T.STATE, 4)))]))
    caller = Direct(setting.server.engine, setting.server.engine.identify("meter-0001"))

    def count():
        return caller.call(Operation.LOCATE).find(T.LOCATED_ITEMS).value
    for what, objects in (({"lose": True}, 0), ({"close": True}, 1), ({"cut": 20}, 2)):
        setting.server.faults.add(**what)
        with setting.wire() as wire:
            wire.exchange(create)
        assert count() == objects


def test_other_answers_instead(setting):
    f = setting.server.faults
    with setting.wire() as wire:
        f.add(replace=faults.wrong_reason(R.PERMISSION_DENIED))
        assert reason(wire.exchange(QUERY)) == R.PERMISSION_DENIED
        f.add(replace=faults.other_operation(Operation.GET))
        answer = ttlv.decode(wire.exchange(QUERY)).find(T.BATCH_ITEM)
        assert answer.find(T.OPERATION).value == Operation.GET
        assert answer.find(T.RESULT_STATUS).value == ResultStatus.SUCCESS
        f.add(replace=faults.other_version(2, 1))
        header = ttlv.decode(wire.exchange(QUERY)).value[0]
        assert [part.value for part in header.find(T.PROTOCOL_VERSION).value] == [2, 1]
        f.add(replace=faults.oversized(100_000))
        assert len(wire.exchange(QUERY)) > 100_000
        f.add(replace=faults.malformed(11, 0x0E))
        with pytest.raises(ttlv.TTLVError):
            ttlv.decode(wire.exchange(QUERY))
        f.add(replace=faults.claimed_length(8))
        assert struct.unpack(">I", wire.exchange(QUERY)[4:8]) == (8,)


def test_a_fault_for_one_operation_after_some(setting):
    f = setting.server.faults
    f.add(operation=Operation.GET, skip=1, times=2,
          replace=faults.wrong_reason(R.OBJECT_ARCHIVED))
    get = direct.request(12, (Operation.GET, [ttlv.text(T.UNIQUE_IDENTIFIER, "x")]))
    with setting.wire() as wire:
        seen = [reason(wire.exchange(request))
                for request in (get, QUERY, get, get, get)]
    assert seen == [R.ITEM_NOT_FOUND, None, R.OBJECT_ARCHIVED, R.OBJECT_ARCHIVED,
                    R.ITEM_NOT_FOUND]


def test_v_tells_who_what_and_how_much(setting):
    with setting.wire() as wire:
        answer = wire.exchange(QUERY)
        wire.exchange(direct.request(12, (Operation.GET, [ttlv.text(T.UNIQUE_IDENTIFIER, "x")])))
    wait_for(lambda: len(setting.log) >= 2)
    assert "meter-0001 [QUERY ok] in %d out %d" % (len(QUERY), len(answer)) in setting.log[0]
    assert "GET ITEM_NOT_FOUND" in setting.log[1]
