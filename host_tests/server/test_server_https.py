"""The server's HTTPS binding: what it takes, and with which status it refuses the rest."""

import contextlib
import http.client
import socket
import ssl
import time

import pytest
from serverkit import Wire, client_files

from tools.refserver import Server, direct, faults, init, ttlv
from tools.refserver.enums import Operation, ResultStatus
from tools.refserver.enums import ResultReason as R
from tools.refserver.tags import Tag as T

QUERY = direct.request(12, (Operation.QUERY, [ttlv.enumeration(T.QUERY_FUNCTION, 1)]))
FIELDS = {
    "Host": "kmip.example", "Content-Type": "application/octet-stream", "Cache-Control": "no-cache",
    "Content-Length": str(len(QUERY)),
}


class Web(Wire):
    """A bare TLS client that sends and reads HTTP."""

    def ask(self, data):
        """Send bytes; (status, fields, body) of the answer, or None where the server closed instead."""
        self.tls.sendall(data)
        return self.answer()

    def answer(self):
        head = self.until(b"\r\n\r\n")
        if head is None:
            return None
        lines = head.decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), fields, self.take(int(fields.get("Content-Length", 0)))

    def until(self, end):
        data = b""
        while not data.endswith(end):
            part = self.tls.recv(1)
            if not part:
                return None
            data += part
        return data

    def take(self, size):
        data = b""
        while len(data) < size:
            data += self.tls.recv(size - len(data))
        return data

    def closed(self):
        try:
            return self.tls.recv(1) == b""
        except (ConnectionError, ssl.SSLError):
            return True


def request(body=QUERY, line="POST /kmip HTTP/1.1", drop=(), raw=b"", **fields):
    """The bytes of a request; a field of None is left out."""
    told = dict(FIELDS, **{name.replace("_", "-"): value for name, value in fields.items()})
    lines = [line] + ["%s: %s" % (name, value) for name, value in told.items() if value is not None]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n" + raw + b"\r\n" + body


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    folder = tmp_path_factory.mktemp("https")
    init(folder / "state", name="kmip.example")
    with serving(folder) as server:
        yield server


@contextlib.contextmanager
def serving(folder, **options):
    with Server(folder / "state", https=("127.0.0.1", 0), max_request=4096, **options) as server:
        server.engine.add_device("meter-0001")
        server.files = client_files(folder, folder / "state", "meter-0001", int(time.time()))
        yield server


@pytest.fixture
def web(setting):
    with Web(setting.https_port, setting.files) as made:
        yield made


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """A server that waits for a request for a second only."""
    folder = tmp_path_factory.mktemp("hasty")
    init(folder / "state", name="kmip.example")
    with serving(folder, io_timeout=1) as server:
        yield server


def succeeded(answer):
    status, fields, body = answer
    assert status == 200 and fields["Content-Type"] == "application/octet-stream"
    assert fields["Cache-Control"] == "no-cache" and int(fields["Content-Length"]) == len(body)
    item = ttlv.decode(body).find(T.BATCH_ITEM)
    return item.find(T.RESULT_STATUS).value == ResultStatus.SUCCESS


def test_a_message_and_its_answer(web, setting):
    status, fields, body = web.ask(request())
    assert succeeded((status, fields, body)) and "Connection" not in fields
    with Wire(setting.port, setting.files) as plain:
        assert plain.exchange(QUERY)[80:] == body[80:]  # but for the Time Stamp


def test_a_connection_serves_many(web):
    for _ in range(3):
        assert succeeded(web.ask(request()))
    web.tls.sendall(request() + request()[:50])  # one begins before the other is answered
    assert succeeded(web.answer())
    assert succeeded(web.ask(request()[50:]))


def test_bytes_that_trickle(web):
    data = request()
    for at in range(0, len(data), 7):
        web.tls.sendall(data[at:at + 7])
    assert succeeded(web.answer())


@pytest.mark.parametrize("more", [
    {"line": "POST https://kmip.example/kmip HTTP/1.1"},
    {"Content_Type": "Application/Octet-Stream; x=y"},
    {"Content_Length": "   %d\t" % len(QUERY)},
    {"Content_Length": "000%d" % len(QUERY)},
    {"raw": b"X: \xe4\r\nContent-length-x: 5\r\n"},
    {"Connection": "keep-alive"},
    {"Accept": "*/*", "User-Agent": "x" * 4000},
])
def test_requests_that_are_right(web, more):
    assert succeeded(web.ask(request(**more)))
    assert succeeded(web.ask(request()))


@pytest.mark.parametrize(("more", "stays"), [
    ({"Connection": "close"}, False),
    ({"Connection": "x, Close"}, False),
    ({"line": "POST /kmip HTTP/1.0"}, False),
    ({"line": "POST /kmip HTTP/1.0", "Host": None}, False),
    ({"line": "POST /kmip HTTP/1.0", "Connection": "keep-alive"}, True),
])
def test_whether_the_connection_goes_on(web, more, stays):
    status, fields, body = web.ask(request(**more))
    assert succeeded((status, fields, body))
    assert (fields.get("Connection") != "close") == stays
    if stays:
        assert succeeded(web.ask(request()))
    else:
        assert web.closed()


@pytest.mark.parametrize(("status", "more"), [
    (404, {"line": "POST / HTTP/1.1"}),
    (404, {"line": "POST /kmip/ HTTP/1.1"}),
    (404, {"line": "POST /kmip?x HTTP/1.1"}),
    (404, {"line": "POST * HTTP/1.1"}),
    (405, {"line": "GET /kmip HTTP/1.1"}),
    (405, {"line": "PUT /kmip HTTP/1.1"}),
    (405, {"line": "post /kmip HTTP/1.1"}),
    (505, {"line": "POST /kmip HTTP/2.0"}),
    (400, {"line": "POST /kmip"}),
    (400, {"line": "POST  /kmip HTTP/1.1"}),
    (400, {"line": "POST /kmip HTTP/1.1 "}),
    (400, {"line": "POST /kmip HTTP/1.10"}),
    (400, {"Host": None}),
    (400, {"raw": b"Host: b\r\n"}),
    (411, {"Content_Length": None}),
    (411, {"Content_Length": None, "Transfer_Encoding": "chunked"}),
    (400, {"Transfer_Encoding": "chunked"}),
    (400, {"Content_Length": ""}),
    (400, {"Content_Length": "-8"}),
    (400, {"Content_Length": "+8"}),
    (400, {"Content_Length": "0x8"}),
    (400, {"Content_Length": "8, 8"}),
    (400, {"Content_Length": "9" * 20}),
    (400, {"Content_Length": "\xb2"}),
    (400, {"raw": b"Content-Length: %d\r\n" % len(QUERY)}),
    (413, {"Content_Length": "4097"}),
    (415, {"Content_Type": None}),
    (415, {"Content_Type": "text/xml"}),
    (415, {"Content_Type": "application/json"}),
    (400, {"raw": b"Content-Type: application/octet-stream\r\n"}),
    (417, {"Expect": "a miracle"}),
    (400, {"raw": b"no colon\r\n"}),
    (400, {"raw": b": no name\r\n"}),
    (400, {"raw": b"X : y\r\n"}),
    (400, {"raw": b"X: y\r\n folded\r\n"}),
    (400, {"raw": b"X: a\nY: b\r\n"}),
    (400, {"raw": b"X: a\rb\r\n"}),
    (400, {"raw": b"X: a\0b\r\n"}),
    (431, {"raw": b"X: " + b"y" * 9000}),
    (431, {"raw": b"X: y\r\n" * 2000}),
])
def test_requests_that_are_refused(web, setting, status, more):
    before = setting.counters.requests
    answer = web.ask(request(**more))
    assert answer[0] == status, answer
    assert answer[1]["Connection"] == "close" and answer[1]["Content-Type"] == "text/plain"
    assert answer[1].get("Allow") == ("POST" if status == 405 else None)
    assert web.closed()
    assert setting.counters.requests == before


@pytest.mark.parametrize("body", [b"", b"x", QUERY[:-8], QUERY + bytes(8), QUERY + QUERY, b"\x42" * 64])
def test_a_body_that_is_no_message_is_answered_by_kmip(web, body):
    status, fields, answer = web.ask(request(body, Content_Length=str(len(body))))
    assert status == 200 and fields["Connection"] == "close"
    item = ttlv.decode(answer).find(T.BATCH_ITEM)
    assert item.find(T.RESULT_REASON).value == R.INVALID_MESSAGE and item.find(T.OPERATION) is None


def test_a_body_that_is_awaited(web):
    head = request(b"", Expect="100-continue")
    web.tls.sendall(head)
    assert web.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert succeeded(web.ask(QUERY))
    assert web.ask(request(b"", Expect="100-continue", Content_Length="5000"))[0] == 413


@pytest.mark.parametrize("sent", [request()[:20], request()[:-1], request(b"")])
def test_a_request_that_does_not_come(hasty, sent):
    with Web(hasty.https_port, hasty.files) as web:
        start = time.monotonic()
        web.tls.sendall(sent)
        assert web.answer()[0] == 408 and web.closed()
        assert time.monotonic() - start > 0.8  # and Web's own patience is ten seconds


def test_bytes_that_trickle_for_too_long(hasty):
    with Web(hasty.https_port, hasty.files) as web, pytest.raises((ConnectionError, ssl.SSLError)):
        for byte in request(b"x" * 4000, Content_Length="4000")[:1000]:  # of 20 s, at the least
            web.tls.sendall(bytes([byte]))
            time.sleep(0.02)


def test_pythons_own_http_client(setting):
    cert, key, anchor = setting.files
    context = ssl.create_default_context(cafile=anchor)
    context.load_cert_chain(cert, key)
    connection = http.client.HTTPSConnection("localhost", setting.https_port, context=context, timeout=30)
    for _ in range(2):
        connection.request("POST", "/kmip", QUERY, {"Content-Type": "application/octet-stream"})
        answer = connection.getresponse()
        assert answer.status == 200
        assert ttlv.decode(answer.read()).tag == T.RESPONSE_MESSAGE
    connection.close()


def test_who_may_come_is_the_same(setting, tmp_path):
    with pytest.raises((ssl.SSLError, ConnectionError)), \
            Web(setting.https_port, (None, None, setting.files[2])) as web:
        if web.ask(request()) is None:
            raise ConnectionError("closed")
    files = client_files(tmp_path, setting.engine.folder, "meter-0404", int(time.time()))
    with Web(setting.https_port, files) as web:
        status, fields, body = web.ask(request())
        assert status == 200 and fields["Connection"] == "close"
        reason = ttlv.decode(body).find(T.BATCH_ITEM).find(T.RESULT_REASON).value
        assert reason == R.AUTHENTICATION_NOT_SUCCESSFUL


def test_the_ports_do_not_take_each_others_requests(setting):
    with Web(setting.port, setting.files) as web:
        web.tls.sendall(request())
        assert ttlv.decode(web.read()).find(T.BATCH_ITEM).find(T.RESULT_REASON).value == R.INVALID_MESSAGE
    with Web(setting.https_port, setting.files) as web:
        assert web.ask(QUERY + b"\r\n\r\n")[0] == 400


def test_faults_on_demand(setting, web):
    setting.faults.add(replace=faults.malformed())
    assert web.ask(request())[2][3] == 0xEE
    setting.faults.add(close=True)
    assert web.ask(request()) is None


def test_a_port_that_is_taken(tmp_path):
    init(tmp_path / "state")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError):
            Server(tmp_path / "state", https=("127.0.0.1", port)).start()
