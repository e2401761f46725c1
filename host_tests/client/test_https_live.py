"""The client over HTTPS, on CPython and both Unix ports: the reference server, Python's own HTTP server,
and servers that answer something else."""

import errno
import http.server
import threading
import time

import kit
import messages as m
import pytest
from test_aclient_tls import HANDSHAKE_GAP, SLACK, Runtime
from test_refserver import NOTHING, Meter, hexed

from tools.refserver import Server, init

KEY = b"0123456789abcdef"
ANSWER = m.success(m.GET, *m.got_key(value=KEY))
GET = ["get", ["id-1"], NOTHING]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("https")
    init(folder / "state")
    with Server(folder / "state", https=("127.0.0.1", 0)) as running:
        running.folder = folder
        yield running


def test_a_meters_life(runtime, server):
    meter = Meter(runtime, server, "meter-" + runtime.name)
    uid = meter.config.key_uid
    agreed, key, allowed, (cert_uid, fetched) = meter.values(
        ["agree", [], NOTHING],
        ["get", [uid], NOTHING],
        ["get_usage_allocation", [uid, 5], NOTHING],
        ["batch", [
            ["recertify", [meter.config.cert_uid], {"csr": hexed(meter.der("csr")), "offset": 0}],
            ["get", [], NOTHING],
        ], NOTHING],
        port=server.https_port, path="/kmip")
    assert agreed == 14 and key["object_type"] == 2 and allowed == uid
    assert cert_uid != meter.config.cert_uid and fetched["object_type"] == 1
    wrong, gone = meter.run(GET, GET, port=server.https_port, path="/elsewhere")
    assert wrong["errno"] == errno.EIO and "HTTP: status 404" in wrong["text"]
    assert gone["errno"] == errno.ENOTCONN
    (wrong,) = meter.run(GET, port=server.port, path="/kmip")
    assert wrong["errno"] == errno.EIO and "HTTP: line" in wrong["text"]
    (wrong,) = meter.run(GET, port=server.https_port)
    assert wrong["error"] == "TTLVError" and "not a KMIP answer" in wrong["text"]


def test_under_asyncio(runtime, server):
    name = "meter-async-" + runtime.name
    meter = Meter(Runtime(runtime.name), server, name)
    uid = meter.config.key_uid
    job = {
        "port": server.https_port, "name": "localhost", "path": "/kmip", "buf": 4096,
        "anchors": [hexed(meter.der("server_ca"))], "cert": hexed(meter.cert), "key": hexed(meter.key),
        "calls": [["agree", [], NOTHING], ["get", [uid], NOTHING], ["get", ["none"], NOTHING],
                  ["get_usage_allocation", [uid, 5], NOTHING]],
    }
    connected, agreed, key, refused, allowed = meter.runtime.one(job)
    assert connected["value"] is None or "error" not in connected
    assert agreed["value"] == 14 and key["value"]["object_type"] == 2
    assert refused["error"] == "KmipError" and allowed["value"] == uid
    assert max(result["gap"] for result in (agreed, key, refused, allowed)) < HANDSHAKE_GAP
    _, wrong, gone = meter.runtime.one(dict(job, path="/elsewhere", calls=job["calls"][1:3]))
    assert wrong["errno"] == errno.EIO and gone["errno"] == errno.ENOTCONN


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", self.headers["Content-Type"])
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(0, len(ANSWER), 50):
                part = ANSWER[at:at + 50]
                self.wfile.write(b"%X\r\n%s\r\n" % (len(part), part))
                time.sleep(0.01)
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(ANSWER)))
        if self.path == "/close":
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *args):
        pass


@pytest.mark.parametrize("path", ["/plain", "/chunked", "/close"])
def test_pythons_own_http_server(runtime, pki, path):
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as web:
        web.socket = kit.server_context(pki.server, pki.ca).wrap_socket(web.socket, server_side=True)
        threading.Thread(target=web.serve_forever, args=(0.05,), daemon=True).start()
        job = pki.job(web.server_address[1], calls=[GET, GET], path=path)
        connected, first, second = runtime.run(job)
        web.shutdown()
    assert connected["value"] is None and first["value"]["value"] == {"hex": KEY.hex()}
    if path == "/close":
        assert second["errno"] == errno.ENOTCONN
    else:
        assert second["value"] == first["value"]


def served(runtime, pki, behave):
    with kit.Server(behave, kit.server_context(pki.server, pki.ca)) as server:
        job = pki.job(server.port, calls=[GET, ["blank", [], NOTHING], GET], path="/kmip", exchange=2)
        return runtime.run(job)[1:]


def failed(results, number, text=""):
    first, blank, again = results
    assert first["errno"] == number and text in first["text"], first
    assert first["seconds"] < 2 + SLACK
    assert blank["value"] is True and again["errno"] == errno.ENOTCONN


def endless(sock):
    kit.read_http(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        sock.sendall(b"y" * 4096)


def dripping(sock):
    kit.read_http(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        sock.sendall(b"X: y\r\n")
        time.sleep(0.1)


def interim(sock):
    kit.read_http(sock)
    while True:
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.1)


def half(sock):
    kit.read_http(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER[:40])
    kit.read_http(sock)


def test_a_head_without_end(runtime, pki):
    failed(served(runtime, pki, endless), errno.EIO, "HTTP: line")


@pytest.mark.parametrize("behave", [dripping, interim, half, kit.read_http])
def test_answers_that_do_not_come(runtime, pki, behave):
    if behave is kit.read_http:
        def behave(sock):
            kit.read_http(sock)
            kit.read_http(sock)
    failed(served(runtime, pki, behave), errno.ETIMEDOUT)
