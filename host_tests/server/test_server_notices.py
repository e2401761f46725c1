"""What the server tells devices by itself: the OASIS cases, what is told in which version, and to whom."""

import itertools
import socket
import ssl
import threading
import time

import pytest
from cryptography.hazmat.primitives import serialization as ser
from serverkit import Clock, make_engine
from test_server_oasis import exchanges, needs_vectors, plain
from waiting import wait_for

from tools.refserver import Server, direct, init, ttlv
from tools.refserver.__main__ import main
from tools.refserver.authority import METER_CA, SERVER_CA, Authority, new_key, private_pem, subject_for
from tools.refserver.direct import Direct, attribute, request
from tools.refserver.enums import Operation, State
from tools.refserver.notice_rows import ALL, MOST, NONE, REPLACED
from tools.refserver.notices import put
from tools.refserver.policy import Identity
from tools.refserver.tags import Tag as T

DEVICE = "meter-0001"
NOW = 1335514482


def told(engine, device=DEVICE):
    """The messages that wait for a device, decoded, and then they wait no more."""
    found = []
    with engine.store.transaction() as txn:
        version = txn.endpoint(device).version
        for notice in txn.notices(device):
            payload = put(txn, notice.uid, version, engine.now()) \
                if notice.operation == Operation.PUT else ttlv.decode(notice.payload)
            found.append(ttlv.decode(request(version, (notice.operation, payload.value))))
            txn.drop_notice(notice.sequence)
    return found


def printed_cases(prefix):
    for case in ("TC_NP_1_12_Put", "TC_NP_2_12_Notify_Put"):
        if case.startswith(prefix):
            for asked, answer in exchanges(case):
                yield ttlv.decode(asked), ttlv.decode(answer)


def attributes_of(tree):
    payload = tree.find(T.BATCH_ITEM).find(T.REQUEST_PAYLOAD)
    return {item.find(T.ATTRIBUTE_NAME).value: item for item in payload.value if item.tag == T.ATTRIBUTE}


def compare(ours, theirs, more=()):
    """Ours is what is printed, but for times, key material and its Digest, and the order of attributes;
    `more`: names of attributes that ours has beyond it."""
    mine, printed = attributes_of(ours), attributes_of(theirs)
    if theirs.find(T.REQUEST_HEADER).value[0].value[1].value == 0:
        printed.pop("Fresh", None)  # printed in a message of 1.0, which has no such attribute (S11 §3.34)
    assert set(mine) - set(printed) == set(more), set(mine) ^ set(printed)
    assert set(printed) <= set(mine)
    for name in printed:
        if name not in ("Last Change Date", "Initial Date", "Original Creation Date", "Digest"):
            assert plain(mine[name]) == plain(printed[name]), name
    for tree in (ours, theirs):
        payload = tree.find(T.BATCH_ITEM).find(T.REQUEST_PAYLOAD)
        payload.value = [item for item in payload.value if item.tag != T.ATTRIBUTE]
    assert plain(ours) == plain(theirs)


@needs_vectors
@pytest.mark.parametrize(("case", "version", "puts", "count"), [
    ("TC_NP_1", 12, ALL, 1), ("TC_NP_2", 10, ALL, 4)])
def test_the_oasis_cases(tmp_path, case, version, puts, count):
    numbers = itertools.count()
    clock = Clock(NOW)
    engine, _ = make_engine(
        tmp_path / "state", clock, DEVICE,
        new_uid=lambda: "00000000-0000-4000-8000-%012d" % next(numbers))
    engine.set_endpoint(DEVICE, "127.0.0.1", 5696, version, puts, own=True)
    waiting = []
    seen = 0
    for asked, answer in printed_cases(case):
        operation = asked.find(T.BATCH_ITEM).find(T.OPERATION).value
        if operation in (Operation.NOTIFY, Operation.PUT):
            # Destroy Date has changed, too, which the case leaves out; 1.2 section 5.1: those that have.
            gone = "State" in attributes_of(asked) and operation == Operation.NOTIFY
            compare(waiting.pop(0), asked, ("Destroy Date",) if gone else ())
            seen += 1
            continue
        ours = ttlv.decode(engine.handle(ttlv.encode(asked), engine.identify(DEVICE)))
        assert plain(ours) == plain(answer)
        clock.now += 1
        waiting += told(engine)
    assert seen == count
    # TC-NP-1 is of Put alone.
    assert len(waiting) == (1 if case == "TC_NP_1" else 0)


class Setting:
    def __init__(self, folder, version=12, puts=NONE, own=True, **options):
        self.clock = Clock()
        self.engine, self.direct = make_engine(folder, self.clock, DEVICE, **options)
        self.engine.set_endpoint(DEVICE, "127.0.0.1", 5696, version, puts, own)
        self.uid = self.create()
        told(self.engine)
        self.clock.now += 10

    def create(self):
        aes = direct.attribute("Cryptographic Algorithm", ttlv.enumeration(T.CRYPTOGRAPHIC_ALGORITHM, 3))
        size = direct.attribute("Cryptographic Length", ttlv.integer(T.CRYPTOGRAPHIC_LENGTH, 128))
        mask = direct.attribute("Cryptographic Usage Mask", ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 12))
        return self.direct.call(
            Operation.CREATE, ttlv.enumeration(T.OBJECT_TYPE, 2), direct.template(aes, size, mask)
        ).find(T.UNIQUE_IDENTIFIER).value

    def call(self, operation, *more):
        return self.direct.call(operation, ttlv.text(T.UNIQUE_IDENTIFIER, self.uid), *more)

    def payloads(self):
        return [tree.find(T.BATCH_ITEM).find(T.REQUEST_PAYLOAD) for tree in told(self.engine)]


def extra(value):
    return attribute("x-note", ttlv.text(T.ATTRIBUTE_VALUE, value))


def test_what_is_changed_and_what_is_deleted_in_1x(tmp_path):
    setting = Setting(tmp_path / "state")
    setting.call(Operation.ADD_ATTRIBUTE, extra("a"))
    setting.call(Operation.ADD_ATTRIBUTE, extra("b"))
    told(setting.engine)
    setting.call(Operation.DELETE_ATTRIBUTE, ttlv.text(T.ATTRIBUTE_NAME, "x-note"),
                 ttlv.integer(T.ATTRIBUTE_INDEX, 1))
    (payload,) = setting.payloads()
    uid, changed, gone = payload.value
    assert uid == ttlv.text(T.UNIQUE_IDENTIFIER, setting.uid)
    assert changed.find(T.ATTRIBUTE_NAME).value == "Last Change Date"
    assert gone == ttlv.structure(
        T.ATTRIBUTE, ttlv.text(T.ATTRIBUTE_NAME, "x-note"), ttlv.integer(T.ATTRIBUTE_INDEX, 1))
    assert not setting.payloads()


def test_the_same_in_2x(tmp_path):
    setting = Setting(tmp_path / "state", 21, newest=21)
    setting.call(Operation.ADD_ATTRIBUTE, extra("a"))
    (payload,) = setting.payloads()
    _, changed = payload.value
    assert changed.tag == T.ATTRIBUTES and {item.tag for item in changed.value} == {
        T.ATTRIBUTE, T.LAST_CHANGE_DATE}
    setting.call(Operation.DELETE_ATTRIBUTE, ttlv.text(T.ATTRIBUTE_NAME, "x-note"))
    (payload,) = setting.payloads()
    _, changed, gone = payload.value
    assert [item.tag for item in changed.value] == [T.LAST_CHANGE_DATE]
    assert gone == ttlv.structure(
        T.ATTRIBUTE_REFERENCE, ttlv.text(T.VENDOR_IDENTIFICATION, "x"), ttlv.text(T.ATTRIBUTE_NAME, "note"))


def test_a_state_that_changes(tmp_path):
    setting = Setting(tmp_path / "state")
    setting.call(Operation.ACTIVATE)
    setting.call(Operation.REVOKE, ttlv.structure(
        T.REVOCATION_REASON, ttlv.enumeration(T.REVOCATION_REASON_CODE, 1)))
    states = []
    for tree in told(setting.engine):
        states.append(attributes_of(tree)["State"].find(T.ATTRIBUTE_VALUE).value)
        assert "Last Change Date" in attributes_of(tree)
    assert states == [State.ACTIVE, State.DEACTIVATED]


def test_what_is_undone_or_fails_is_not_told(tmp_path):
    setting = Setting(tmp_path / "state")
    uid = ttlv.text(T.UNIQUE_IDENTIFIER, setting.uid)
    items = [(Operation.ADD_ATTRIBUTE, [uid, extra("a")]), (Operation.ADD_ATTRIBUTE, [uid])]
    setting.direct.send(*items, option=3)
    assert not setting.payloads()
    setting.direct.send(items[0], items[0], option=3)
    (payload,) = setting.payloads()  # one for the whole
    assert len(payload.value) == 4


def test_reading_tells_nothing(tmp_path):
    setting = Setting(tmp_path / "state", puts=ALL)
    setting.call(Operation.GET)
    (payload,) = setting.payloads()
    assert payload.value[1].find(T.ATTRIBUTE_NAME).value == "Fresh"  # which the first Get ends
    setting.call(Operation.GET)
    setting.call(Operation.GET_ATTRIBUTES)
    assert not setting.payloads()


@pytest.mark.parametrize(("puts", "wanted"), [
    (NONE, ["NOTIFY"]), (REPLACED, ["PUT", "NOTIFY"]), (ALL, ["PUT", "NOTIFY"])])
def test_a_key_that_is_replaced(tmp_path, puts, wanted):
    setting = Setting(tmp_path / "state", puts=puts)
    setting.call(Operation.ACTIVATE)
    told(setting.engine)
    new = setting.call(Operation.RE_KEY).find(T.UNIQUE_IDENTIFIER).value
    trees = told(setting.engine)
    names = [Operation(tree.find(T.BATCH_ITEM).find(T.OPERATION).value).name for tree in trees]
    assert sorted(names) == sorted(wanted)
    payloads = {name: tree.find(T.BATCH_ITEM).find(T.REQUEST_PAYLOAD)
                for name, tree in zip(names, trees, strict=True)}
    assert payloads["NOTIFY"].value[0].value == setting.uid
    links = [item for item in payloads["NOTIFY"].value[1:] if item.find(T.ATTRIBUTE_NAME).value == "Link"]
    assert links[0].find(T.ATTRIBUTE_VALUE).find(T.LINKED_OBJECT_IDENTIFIER).value == new
    if "PUT" in payloads:
        uid, function, replaced, key = payloads["PUT"].value[:4]
        assert (uid.value, function.value, replaced.value) == (new, 2, setting.uid)
        assert key.tag == T.SYMMETRIC_KEY
    setting.create()
    assert len(told(setting.engine)) == (puts == ALL)


def test_only_the_owner_is_told_and_of_its_own_doings_only_where_it_wants(tmp_path):
    setting = Setting(tmp_path / "state", own=False)
    engine = setting.engine
    engine.add_device("meter-0002")
    engine.set_endpoint("meter-0002", "127.0.0.1", 5697)
    network = Direct(engine, Identity(DEVICE, fingerprint=b"f"))
    uid = ttlv.text(T.UNIQUE_IDENTIFIER, setting.uid)
    network.call(Operation.ADD_ATTRIBUTE, uid, extra("a"))
    assert not told(engine)
    setting.call(Operation.ADD_ATTRIBUTE, extra("b"))  # an operator, by its own hand
    assert len(told(engine)) == 1 and not told(engine, "meter-0002")
    engine.drop_endpoint(DEVICE)
    setting.call(Operation.ADD_ATTRIBUTE, extra("c"))
    with engine.store.transaction() as txn:
        assert not txn.notices()


def test_no_more_are_kept_than_can_be(tmp_path):
    setting = Setting(tmp_path / "state")
    for number in range(MOST + 5):
        setting.call(Operation.ADD_ATTRIBUTE, extra(str(number)))
    waiting = told(setting.engine)
    assert len(waiting) == MOST
    assert attributes_of(waiting[-1])["x-note"].find(T.ATTRIBUTE_VALUE).value == str(MOST + 4)


def test_what_is_forgotten_is_not_told(tmp_path):
    setting = Setting(tmp_path / "state")
    setting.call(Operation.ADD_ATTRIBUTE, extra("a"))
    setting.engine.forget_device(DEVICE)
    with setting.engine.store.transaction() as txn:
        assert not txn.notices() and txn.endpoint(DEVICE) is None


# ---- sending ----


class Peer:
    """A device's end point that answers as it is told: by default with success to all."""

    def __init__(self, folder, state, answer=None, name=DEVICE, authority=METER_CA, listens=True):
        ca = Authority.load(state, authority)
        key = new_key()
        certificate = ca.issue_client(
            subject_for("CN={device}", name), key.public_key(), int(time.time()), 600, listens=listens)
        path = folder / "peer.pem"
        path.write_bytes(certificate.public_bytes(ser.Encoding.PEM) + private_pem(key))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(path)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.load_verify_locations(state / (SERVER_CA + ".crt"))
        self.answer = answer or success
        self.requests = []
        self.errors = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._listener.shutdown(socket.SHUT_RDWR)  # ends accept()
        self._listener.close()

    def _run(self):
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                with self.context.wrap_socket(raw, server_side=True) as tls:
                    tls.settimeout(30)
                    while True:
                        head = tls.recv(8)
                        if not head:
                            break
                        data = head + tls.recv(int.from_bytes(head[4:], "big"))
                        self.requests.append(ttlv.decode(data))
                        answer = self.answer(self.requests[-1])
                        if answer is None:
                            break
                        tls.sendall(answer)
            except OSError as error:
                self.errors.append(error)


def respond(request, status=0, *more, operation=None, version=None, stamp=True):
    header = request.find(T.REQUEST_HEADER)
    told = version or header.find(T.PROTOCOL_VERSION)
    asked = request.find(T.BATCH_ITEM).find(T.OPERATION)
    item = ttlv.structure(
        T.BATCH_ITEM, asked if operation is None else ttlv.enumeration(T.OPERATION, operation),
        ttlv.enumeration(T.RESULT_STATUS, status), *more)
    return ttlv.encode(ttlv.structure(
        T.RESPONSE_MESSAGE, ttlv.structure(
            T.RESPONSE_HEADER, told, ttlv.date_time(T.TIME_STAMP, 1) if stamp else None,
            ttlv.integer(T.BATCH_COUNT, 1)), item))


def success(request):
    return respond(request)


def refusal(request):
    return respond(request, 1, ttlv.enumeration(T.RESULT_REASON, 5), ttlv.text(T.RESULT_MESSAGE, "no such"))


class Running:
    """A server that tells meter-0001 of what an operator does."""

    def __init__(self, folder, **options):
        self.state = folder / "state"
        self.folder = folder
        if not self.state.exists():
            init(self.state)
        self.log = []
        options = {"first": 0.1, "tries": 4, "timeout": 20, "every": 0.02, **options}
        self.server = Server(self.state, notifier=options, verbose=1, log=self.log.append)
        self.engine = self.server.engine
        self.direct = Direct(self.engine, self.engine.add_device(DEVICE))
        self.counters = self.server.notifier.counters

    def listens(self, peer, **how):
        self.engine.set_endpoint(DEVICE, "127.0.0.1", peer.port if peer else 1, **how)

    def happens(self, value="a"):
        if not hasattr(self, "uid"):
            self.uid = Setting.create(self)
        self.direct.call(
            Operation.ADD_ATTRIBUTE, ttlv.text(T.UNIQUE_IDENTIFIER, self.uid), extra(value))

    def hurry(self):
        """Have what waits for another try sent now."""
        with self.engine.store.transaction() as txn:
            for notice in txn.notices():
                txn.retry_notice(notice.sequence, 0)

    def waiting(self):
        with self.engine.store.transaction(write=False) as txn:
            return txn.notices()


@pytest.fixture
def running(tmp_path):
    made = Running(tmp_path)
    with made.server:
        yield made


def test_a_device_is_told(running, tmp_path):
    with Peer(tmp_path, running.state) as peer:
        running.listens(peer, version=14, puts=ALL)
        running.happens()
        running.happens("b")
        wait_for(lambda: len(peer.requests) == 3 and not running.waiting())
    operations = [tree.find(T.BATCH_ITEM).find(T.OPERATION).value for tree in peer.requests]
    assert operations == [Operation.PUT, Operation.NOTIFY, Operation.NOTIFY]
    assert running.counters.told == 3 and running.counters.failed == 0
    for tree in peer.requests:
        header = tree.find(T.REQUEST_HEADER)
        assert [item.tag for item in header.value] == [T.PROTOCOL_VERSION, T.BATCH_COUNT]
        assert [item.value for item in header.value[0].value] == [1, 4]


def test_a_device_that_does_not_want_it_is_not_asked_again(running, tmp_path):
    with Peer(tmp_path, running.state, refusal) as peer:
        running.listens(peer)
        running.happens()
        wait_for(lambda: running.counters.refused == 1)
        assert not running.waiting()  # there is nothing to ask it
        time.sleep(0.3)
    assert len(peer.requests) == 1
    assert any("refused, reason 5: no such" in line for line in running.log)


WRONG = {
    "nothing": lambda request: None,
    "no message": lambda request: b"HTTP/1.1 200 OK\r\n\r\n",
    "too long": lambda request: b"\x42\x00\x7b\x01\x7f\xff\xff\xf8",
    "not TTLV": lambda request: b"\x42\x00\x7b\x01\x00\x00\x00\x08" + b"\xee" * 8,
    "empty": lambda request: b"\x42\x00\x7b\x01\x00\x00\x00\x00",
    "another operation": lambda request: respond(request, operation=Operation.GET),
    "no time": lambda request: respond(request, stamp=False),
    "another version": lambda request: respond(request, version=ttlv.structure(
        T.PROTOCOL_VERSION, ttlv.integer(T.PROTOCOL_VERSION_MAJOR, 1),
        ttlv.integer(T.PROTOCOL_VERSION_MINOR, 0))),
    "a failure without a reason": lambda request: respond(request, 1),
}


@pytest.mark.parametrize("what", WRONG)
def test_an_answer_that_is_none(running, tmp_path, what):
    answers = [WRONG[what], success]
    with Peer(tmp_path, running.state, lambda request: answers.pop(0)(request)) as peer:
        running.listens(peer)
        running.happens()
        wait_for(lambda: running.counters.told == 1)
    assert running.counters.failed == 1 and len(peer.requests) == 2, running.log
    assert peer.requests[0] == peer.requests[1]


def test_an_answer_that_does_not_come(tmp_path):
    running = Running(tmp_path, timeout=1)
    given_up = threading.Event()
    answers = [lambda request: given_up.wait(30) and None]
    with running.server, \
            Peer(tmp_path, running.state, lambda request: (answers or [success]).pop()(request)) as peer:
        running.listens(peer)
        running.happens()
        wait_for(lambda: running.counters.failed)
        given_up.set()
        wait_for(lambda: running.counters.told == 1)
    # On a slow machine another try may have failed as well: then not for the device's silence.
    assert peer.requests[0] == peer.requests[-1] and len(peer.requests) >= 2


@pytest.mark.parametrize("how", [
    {"name": "meter-0002"}, {"authority": SERVER_CA}, {"listens": False},
])
def test_an_end_point_that_is_not_the_devices(running, tmp_path, how):
    running.engine.add_device("meter-0002")
    with Peer(tmp_path, running.state, **how) as peer:
        running.listens(peer)
        running.happens()
        wait_for(lambda: running.counters.given_up == 1)
    assert not peer.requests and running.counters.failed == 4 and not running.waiting()
    wait_for(lambda: any("given up" in line for line in running.log))


def test_a_device_that_is_revoked(tmp_path):
    running = Running(tmp_path, first=3600)
    running.listens(None)
    running.happens()
    with running.server, Peer(tmp_path, running.state) as peer:
        wait_for(lambda: running.counters.failed == 1)
        running.engine.revoke_device(DEVICE)
        running.listens(peer)
        running.hurry()
        wait_for(lambda: running.counters.failed == 2)
        wait_for(lambda: any("certificate is revoked" in line for line in running.log))
    assert not peer.requests


def test_a_device_that_is_away_holds_up_nobody(tmp_path):
    running = Running(tmp_path, first=3600)
    running.listens(None)
    running.happens()
    with running.server, Peer(tmp_path, running.state, name="meter-0002") as peer:
        wait_for(lambda: running.counters.failed == 1)
        other = Direct(running.engine, running.engine.add_device("meter-0002"))
        running.engine.set_endpoint("meter-0002", "127.0.0.1", peer.port, puts=ALL)
        Setting.create(type("Other", (), {"direct": other}))
        wait_for(lambda: running.counters.told == 1)
        assert [notice.device for notice in running.waiting()] == [DEVICE]


def test_a_silent_device_holds_up_neither_service_nor_end(tmp_path):
    running = Running(tmp_path, timeout=5)
    with socket.create_server(("127.0.0.1", 0)) as silent, running.server:
        running.engine.set_endpoint(DEVICE, "127.0.0.1", silent.getsockname()[1])
        running.happens()
        silent.settimeout(30)
        connection = silent.accept()[0]  # it is being waited for
        started = time.monotonic()
        running.happens("b")
        assert time.monotonic() - started < 4
    assert time.monotonic() - started < 30
    connection.close()


def test_what_waits_outlives_the_server(tmp_path):
    first = Running(tmp_path, first=100)
    with first.server:
        first.listens(None)
        first.happens()
        wait_for(lambda: first.counters.failed)
    second = Running(tmp_path)
    with Peer(tmp_path, second.state) as peer:
        second.listens(peer)
        second.hurry()
        with second.server:
            wait_for(lambda: second.counters.told == 1)
    assert len(peer.requests) == 1


# ---- the operator ----


def test_the_operators_commands(running, tmp_path, capsys):
    state = str(running.state)
    with Peer(tmp_path, running.state) as peer:
        running.uid = Setting.create(running)
        arguments = ["listens", "--dir", state, "--device", DEVICE]
        assert main([*arguments, "--at", "127.0.0.1:%d" % peer.port, "--put", "replaced"]) == 0
        running.direct.call(Operation.ACTIVATE, ttlv.text(T.UNIQUE_IDENTIFIER, running.uid))
        assert main(["replace", "--dir", state, "--uid", running.uid]) == 0
        new = capsys.readouterr().out.split()[-1]
        wait_for(lambda: len(peer.requests) == 3)
        assert main(["withdraw", "--dir", state, "--uid", running.uid, "--compromised"]) == 0
        wait_for(lambda: len(peer.requests) == 4)
        assert attributes_of(peer.requests[-1])["State"].find(T.ATTRIBUTE_VALUE).value == State.COMPROMISED
        assert main(arguments) == 0
        assert main(["withdraw", "--dir", state, "--uid", new]) == 0
        time.sleep(0.2)
        assert len(peer.requests) == 4
    for wrong in (["withdraw", "--dir", state, "--uid", "nobody's"],
                  ["replace", "--dir", state, "--uid", running.uid],
                  [*arguments, "--at", "nonsense"], [*arguments, "--at", "127.0.0.1:0"],
                  [*arguments, "--at", "127.0.0.1:1", "--speaks", "3"],
                  ["listens", "--dir", state, "--device", "nobody", "--at", "127.0.0.1:1"],
                  ["listens", "--dir", state, "--device", "nobody"]):
        assert main(wrong) == 1
    assert "refserver:" in capsys.readouterr().err
    assert main([*arguments, "--at", "127.0.0.1:1", "--speaks", "2.1"]) == 0
    assert "listens at" in capsys.readouterr().out


def test_a_certificate_is_for_listening_where_the_device_listens(tmp_path):
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
    from test_server_certify import certify, csr, register_public, request_items

    engine, caller = make_engine(tmp_path / "state", Clock(int(time.time())), DEVICE)
    key = new_key()
    for listens in (False, True):
        if listens:
            engine.set_endpoint(DEVICE, "127.0.0.1", 5696)
        uid = certify(caller, register_public(caller, key), *request_items(csr(key)))
        got = caller.call(Operation.GET, ttlv.text(T.UNIQUE_IDENTIFIER, uid))
        made = x509.load_der_x509_certificate(got.find(T.CERTIFICATE).find(T.CERTIFICATE_VALUE).value)
        usages = set(made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        assert usages == ({Usage.CLIENT_AUTH, Usage.SERVER_AUTH} if listens else {Usage.CLIENT_AUTH})
