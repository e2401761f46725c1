"""AsyncClient over TLS: servers that stay silent, drip, flood and refuse, calls cancelled in every phase;
each ends in the documented exception with the connection closed, and another task ticks all the while.

On CPython and on both Unix ports. The longest gaps between two ticks are printed at the end (pytest -s).
"""

import contextlib
import errno
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

import adrive
import kit
import messages as m
import ports
import pytest
import waiting

TIMEOUT = 1.5
SLACK = 5  # what a busy machine may add; who waits for too long here waits for ten seconds
GAP = 1200  # ms: the ticks are 10 ms apart, and a busy machine again
HANDSHAKE_GAP = 3000  # ms: the arithmetic of a part of the handshake is done in one go

KEY = b"0123456789abcdef"
GOOD = m.success(m.GET, *m.got_key(value=KEY))
GET = ["get", ["id-1"], {}]
BLANK = ["blank", [], {}]

gaps = {}  # (runtime, what was waited for): the longest gap in ms


class Runtime(kit.Runtime):
    """Where the asyncio client runs: a process of its own, on CPython as well."""

    def run(self, job, *options, script=adrive):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "job.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(job, file)
            args = [script.__file__, path]
            if self.port is None:
                status, output = _python(args)
            else:
                here = (ports.FIRMWARE, os.path.dirname(adrive.__file__))
                status, output = self.port.run([*options, *args], path=here)
        lines = output.splitlines()
        if status or not all(line.startswith(("{", "[")) for line in lines):  # or a warning among them
            raise AssertionError(output)
        return [json.loads(line) for line in lines]

    def one(self, job, *options):
        """The results of one client, which leaves no file open."""
        results, left = self.run(job, *options)
        assert left["files"] == 0, left
        return results


def _python(args):
    tests = ports.PORTABLE.parent
    path = [ports.FIRMWARE, tests / "stubs", tests / "client", tests]
    done = subprocess.run(
        [sys.executable, "-W", "always", *args], timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env=dict(os.environ, PYTHONPATH=os.pathsep.join(map(str, path))))
    return done.returncode, done.stdout


@pytest.fixture(params=["CPython", "unix64", "unix32"])
def runtime(request):
    return Runtime(request.param)


@pytest.fixture(scope="module", autouse=True)
def told():
    yield
    for (name, what), gap in sorted(gaps.items()):
        print("longest gap between ticks, %s, %s: %d ms" % (name, what, gap), file=sys.stderr)


def ticked(runtime, what, result, limit=GAP):
    """The ticks went on while this result was waited for."""
    gaps[runtime.name, what] = max(gaps.get((runtime.name, what), 0), result["gap"])
    assert result["gap"] < limit, result
    assert result["ticks"] >= result["seconds"] * 1000 // limit


def good(sock):
    while kit.read_message(sock):
        sock.sendall(GOOD)


def exchange(runtime, pki, behave, *calls, versions=None, **more):
    """The results of calls (by default one Get, and after it a look and another one)."""
    servers = []
    context = kit.server_context(pki.server, pki.ca, versions)
    job = pki.job(0, calls=[*(calls or [GET]), BLANK, GET], **more)
    with kit.Server(lambda sock: behave(sock, *servers), context) as server:
        servers.append(server)
        job["port"] = server.port
        connected, *results = runtime.one(job)
        assert "error" not in connected, connected
        ticked(runtime, "a handshake's arithmetic", connected, HANDSHAKE_GAP)
        assert server.gone.wait(30)
    return results


def closed(results, seconds=TIMEOUT):
    """The first call failed in time; the buffer is blank, and the client speaks no more."""
    failed, blank, again = results
    assert failed["seconds"] < seconds + SLACK
    assert blank["value"] is True
    assert again["errno"] == errno.ENOTCONN and "closed" in again["text"]
    return failed


# ---- calls ----


def test_a_good_server(runtime, pki):
    results = exchange(runtime, pki, lambda sock, server: good(sock))
    assert results[0]["value"]["value"] == {"hex": KEY.hex()}
    assert results[1]["value"] is True
    assert results[2]["value"] == results[0]["value"]


def slow(sock, server):
    while kit.read_message(sock) and server.pause(TIMEOUT):
        sock.sendall(GOOD)


def test_a_slow_server(runtime, pki):
    results = exchange(runtime, pki, slow)
    assert results[0]["value"]["value"] == {"hex": KEY.hex()}
    assert results[0]["seconds"] > TIMEOUT - 0.1
    ticked(runtime, "an answer that is late", results[0])


def silent(sock, server):
    kit.read_message(sock)


def test_a_silent_server(runtime, pki):
    failed = closed(exchange(runtime, pki, silent, exchange=TIMEOUT))
    assert failed["errno"] == errno.ETIMEDOUT and "in time" in failed["text"]
    assert failed["seconds"] > TIMEOUT - 0.1
    ticked(runtime, "an answer that never comes", failed)


def drips(sock, server):
    kit.read_message(sock)
    for at in range(len(GOOD)):
        sock.sendall(GOOD[at : at + 1])
        if not server.pause(0.05):
            return


def test_a_server_that_drips(runtime, pki):
    failed = closed(exchange(runtime, pki, drips, exchange=TIMEOUT))
    assert failed["errno"] == errno.ETIMEDOUT
    assert failed["seconds"] > TIMEOUT - 0.1
    ticked(runtime, "an answer that drips", failed)


def drips_quickly(sock, server):
    while kit.read_message(sock):
        for at in range(len(GOOD)):
            sock.sendall(GOOD[at : at + 1])


def test_an_answer_in_records_of_one_byte(runtime, pki):
    results = exchange(runtime, pki, drips_quickly)
    assert results[0]["value"]["value"] == {"hex": KEY.hex()}
    assert results[2]["value"] == results[0]["value"]


SIZE = 1 << 20  # of a request beyond what the systems and asyncio take in advance


def unread(runtime, pki, **more):
    """The results of a client whose server does not read what it sends."""
    with kit.Server(lambda sock: server.pause(3), kit.server_context(pki.server, pki.ca)) as server:
        server._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        job = pki.job(server.port, calls=[["fill", [SIZE], {}], BLANK, GET], buf=SIZE + 4096, **more)
        return runtime.one(job, "-X", "heapsize=8M")[1:]


def test_a_server_that_does_not_read(runtime, pki):
    failed = closed(unread(runtime, pki, exchange=TIMEOUT))
    assert failed["errno"] == errno.ETIMEDOUT, failed
    ticked(runtime, "a request that nobody reads", failed)


@pytest.mark.parametrize("count", [0, 8])
@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_connection_cut(runtime, pki, count, how):
    def behave(sock, server):
        kit.read_message(sock)
        sock.sendall(GOOD[:count])
        cut(sock, how)

    failed = closed(exchange(runtime, pki, behave))
    assert failed["os"] and failed["errno"] != errno.ETIMEDOUT and not failed["refused"], failed


def cut(sock, how):
    if how == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    socket.socket(fileno=sock.detach()).close()


@pytest.mark.parametrize("data", [b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(40),
                                  GOOD[:4] + b"\0\x10\0\0" + bytes(1 << 20)])
def test_answers_that_are_no_answer(runtime, pki, data):
    def behave(sock, server):
        kit.read_message(sock)
        sock.sendall(data)

    assert closed(exchange(runtime, pki, behave))["error"] == "TTLVError"


def test_a_batch(runtime, pki):
    def behave(sock, server):
        kit.read_message(sock)
        sock.sendall(m.message(
            m.item(m.USAGE, [m.uid("id-1")], 1), m.item(m.GET, m.got_key(value=KEY), 2)))
        good(sock)

    calls = [["get_usage_allocation", ["id-1", 5], {}], GET]
    results = exchange(runtime, pki, behave, ["batch", calls, {}])
    assert results[0]["value"][0] == "id-1"
    assert results[0]["value"][1]["value"] == {"hex": KEY.hex()}
    assert results[2]["value"]["value"] == {"hex": KEY.hex()}


def test_closed_by_another_task(runtime, pki):
    failed = closed(exchange(runtime, pki, silent, ["closed", [0.2], {}]))
    assert failed["os"] and failed["errno"] != errno.ETIMEDOUT and failed["seconds"] < 0.2 + SLACK, failed
    ticked(runtime, "a call whose connection is closed", failed)


# ---- several at once ----


def test_several_clients_at_once(runtime, pki):
    # None is answered before all of them have asked.
    asked = threading.Barrier(4, timeout=30)

    def together(sock):
        while kit.read_message(sock):
            asked.wait()
            sock.sendall(GOOD)

    with kit.Server(together, kit.server_context(pki.server, pki.ca)) as server:
        *results, left = runtime.run(pki.job(server.port, calls=[GET] * 3, clients=4, timeout=40))
        assert server.connections == 4
    assert left["files"] == 0
    assert len(results) == 4
    for connected, *got in results:
        assert "error" not in connected
        assert [result["value"]["value"] for result in got] == [{"hex": KEY.hex()}] * 3
        for result in got[1:]:
            ticked(runtime, "four clients at once", result, HANDSHAKE_GAP)


# ---- the handshake ----


def handshake(runtime, pki, behave=lambda sock, server: good(sock), server=None, context=None, **more):
    """The error of a connection that must not come about."""
    if server is not None:
        context = kit.server_context(server, pki.ca)
    servers = []
    with kit.Server(lambda sock: behave(sock, *servers), context) as listening:
        servers.append(listening)
        (failed,) = runtime.one(pki.job(listening.port, **more))
        assert listening.gone.wait(30)
    assert failed["os"], failed
    assert failed["seconds"] < TIMEOUT + SLACK
    return failed


def hello(sock, server=None):
    """Take the client's first record."""
    head = sock.recv(5, socket.MSG_WAITALL)
    sock.recv(int.from_bytes(head[3:5], "big"), socket.MSG_WAITALL)


def test_handshake_with_a_silent_server(runtime, pki):
    failed = handshake(runtime, pki, hello, timeout=TIMEOUT)
    assert failed["errno"] == errno.ETIMEDOUT and "in time" in failed["text"]
    assert failed["seconds"] > TIMEOUT - 0.1
    ticked(runtime, "a handshake without an answer", failed)


def test_handshake_with_a_server_that_drips(runtime, pki):
    def behave(sock, server):
        hello(sock)
        for byte in b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(90):
            sock.sendall(bytes([byte]))
            server.pause(0.1)

    failed = handshake(runtime, pki, behave, timeout=TIMEOUT)
    assert failed["errno"] == errno.ETIMEDOUT and "in time" in failed["text"]
    assert failed["seconds"] > TIMEOUT - 0.1
    ticked(runtime, "a handshake that drips", failed)


class Interposed:
    """A connection to a real server, byte by byte with a pause after each: behave() for a server."""

    def __init__(self, port, pause):
        self.port = port
        self._pause = pause

    def __call__(self, sock, server):
        with socket.create_connection(("127.0.0.1", self.port)) as onward:
            sock.setblocking(False)
            onward.setblocking(False)
            while True:
                for source, sink in ((sock, onward), (onward, sock)):
                    with contextlib.suppress(BlockingIOError):
                        data = source.recv(4096 if source is sock else 7)
                        if not data:
                            return
                        sink.sendall(data)
                if not server.pause(self._pause):
                    return


def test_a_handshake_in_small_pieces(runtime, pki):
    servers = []
    with kit.Server(good, kit.server_context(pki.server, pki.ca)) as real:
        drip = Interposed(real.port, 0.002)
        with kit.Server(lambda sock: drip(sock, *servers)) as server:
            servers.append(server)
            connected, got, again = runtime.one(pki.job(server.port, calls=[GET, GET], timeout=20))
    assert "error" not in connected, connected
    ticked(runtime, "a handshake's arithmetic", connected, HANDSHAKE_GAP)
    assert got["value"]["value"] == again["value"]["value"] == {"hex": KEY.hex()}
    ticked(runtime, "an answer that drips", got)


@pytest.mark.parametrize("warning", [90, 100])
def test_handshake_with_a_server_that_floods(runtime, pki, warning):
    # Of user_canceled there can be any number: TLS passes over them.
    def behave(sock, server):
        hello(sock)
        with contextlib.suppress(OSError):
            while server.pause(0):
                sock.sendall((b"\x15\x03\x03\x00\x02\x01" + bytes([warning])) * 500)

    failed = handshake(runtime, pki, behave, timeout=TIMEOUT)
    ticked(runtime, "a handshake in a flood", failed)


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x03\x00\x7a\x02\x00"])
@pytest.mark.parametrize("how", ["end", "reset"])
def test_handshake_cut(runtime, pki, data, how):
    def behave(sock, server):
        hello(sock)
        sock.sendall(data)
        cut(sock, how)

    assert handshake(runtime, pki, behave)["errno"] != errno.ETIMEDOUT


def test_a_server_without_tls(runtime, pki):
    failed = handshake(runtime, pki, lambda sock, server: sock.sendall(b"220 mail.example ESMTP\r\n" * 4))
    assert failed["error"] == "TLSError" and not failed["refused"], failed


def test_nobody_listens(runtime, pki):
    with waiting.reserve() as nobody:
        (failed,) = runtime.one(pki.job(nobody.getsockname()[1]))
    assert failed["errno"] == errno.ECONNREFUSED


@contextlib.contextmanager
def full_backlog():
    """The port of a listener that answers no connection."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def test_a_host_that_does_not_answer(runtime, pki):
    with full_backlog() as port:
        (failed,) = runtime.one(pki.job(port, timeout=TIMEOUT))
    assert failed["errno"] == errno.ETIMEDOUT and failed["seconds"] < TIMEOUT + SLACK
    ticked(runtime, "a connection that is not answered", failed)


# ---- certificates ----


def why(failed, *texts):
    assert failed["error"] == "TLSError" and not failed["refused"], failed
    assert any(text in failed["text"].lower() for text in texts), failed


def test_a_server_of_another_ca(runtime, pki):
    failed = handshake(runtime, pki, server=kit.server_identity(pki.other_ca))
    why(failed, "not correctly signed by the trusted", "certificate signature failure")


def test_a_server_of_another_name(runtime, pki):
    failed = handshake(runtime, pki, server=kit.server_identity(pki.ca, "other.test"))
    why(failed, "does not match with the expected cn", "hostname mismatch")


def test_a_name_with_something_behind_its_end(runtime, pki):
    failed, = runtime.one(pki.job(1, name=kit.NAME + "\0.test"))
    why(failed, "no name of a server")


def test_a_time_out_beyond_all_bounds(runtime, pki):
    results = exchange(runtime, pki, lambda sock, server: good(sock), timeout=1 << 34)
    assert results[0]["value"]["value"] == {"hex": KEY.hex()}


def test_a_server_whose_certificate_has_expired(runtime, pki):
    failed = handshake(runtime, pki, server=kit.server_identity(pki.ca, start=-9, end=-1))
    why(failed, "expired")


def identity(made):
    return {"cert": {"hex": made.der.hex()}, "key": {"hex": made.key_der.hex()}}


REFUSALS = {
    "expired": lambda pki: identity(kit.client_identity(pki.ca, start=-9, end=-1)),
    "of another CA": lambda pki: identity(kit.client_identity(pki.other_ca)),
    "none": lambda pki: {"cert": None},
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_our_certificate_is_refused(runtime, pki, kind):
    context = kit.server_context(pki.server, pki.ca, ssl.TLSVersion.TLSv1_2)
    failed = handshake(runtime, pki, context=context, **REFUSALS[kind](pki))
    assert failed["error"] == "TLSError" and failed["refused"], failed


@pytest.mark.parametrize("kind", REFUSALS)
def test_our_certificate_is_refused_by_tls_1_3(pki, kind):
    # The client learns it at its first read only. (The Unix ports built here speak TLS 1.2.)
    failed = closed(exchange(Runtime("CPython"), pki, lambda sock, server: good(sock),
                             versions=ssl.TLSVersion.TLSv1_3, **REFUSALS[kind](pki)))
    assert failed["error"] == "TLSError" and failed["refused"], failed


@pytest.mark.parametrize("end", ["reset", "silence", "refusal", "wrong CA", "cancelled", "good"])
def test_many_connections_in_a_small_heap(port, pki, end):
    # Each holds about 24 KB; none may keep it.
    ca = pki.other_ca if end == "refusal" else pki.ca
    server = kit.server_identity(pki.other_ca) if end == "wrong CA" else pki.server
    bare = end in ("reset", "silence", "cancelled")

    def behave(sock):
        hello(sock)
        if end == "reset":
            cut(sock, "reset")

    with kit.Server(behave if bare else good, None if bare else kit.server_context(server, ca)) as listening:
        job = pki.job(listening.port, calls=[GET], before=8, timeout=0.2 if end == "silence" else 10)
        if end == "cancelled":
            job["cancel"] = [0.1]
        heap = "heapsize=%d" % (170000 if port.target == "unix32" else 260000)
        results = Runtime(port.target).one(job, "-X", heap)
        waiting.wait_for(lambda: listening.connections == 9)
    if end == "good":
        assert results[1]["value"]["value"] == {"hex": KEY.hex()}
    else:
        assert len(results) == 1 and "memory" not in results[0].get("text", ""), results


# ---- cancellation ----


def cancelled(runtime, pki, behave, cancel, context=None, **more):
    """The results of a client whose calls are cancelled; the server sees its connection closed at once."""
    servers = []
    with kit.Server(lambda sock: behave(sock, *servers), context) as server:
        servers.append(server)
        results = runtime.one(pki.job(server.port, cancel=cancel, **more))
        assert server.gone.wait(30)
    return results


def given_up(runtime, result):
    assert result["error"] == "CancelledError" and 0.1 < result["seconds"] < 0.2 + SLACK, result
    ticked(runtime, "a call that is cancelled", result, HANDSHAKE_GAP)


def test_cancelled_before_the_connection(runtime, pki):
    with full_backlog() as port:
        (result,) = runtime.one(pki.job(port, cancel=[0.2]))
    given_up(runtime, result)


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x03\x00\x7a\x02\x00"])
def test_cancelled_in_the_handshake(runtime, pki, data):
    def behave(sock, server):
        hello(sock)
        sock.sendall(data)

    (result,) = cancelled(runtime, pki, behave, [0.2])
    given_up(runtime, result)


def test_cancelled_behind_the_servers_certificate(runtime, pki):
    # What the client says to it does not come through.
    servers = []
    context = kit.server_context(pki.server, pki.ca, ssl.TLSVersion.TLSv1_2)
    with kit.Server(good, context) as real:

        def behave(sock, server):
            with socket.create_connection(("127.0.0.1", real.port)) as onward:
                onward.sendall(sock.recv(65536))
                onward.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    while True:
                        sock.sendall(onward.recv(65536))
                sock.recv(65536)  # the client's part, which goes nowhere

        with kit.Server(lambda sock: behave(sock, *servers)) as server:
            servers.append(server)
            (result,) = runtime.one(pki.job(server.port, cancel=[0.4]))
            assert server.gone.wait(30)
    assert result["error"] == "CancelledError" and result["seconds"] < 0.4 + SLACK


def call_cancelled(runtime, pki, behave, *calls, **more):
    context = kit.server_context(pki.server, pki.ca)
    connected, result, blank, again = cancelled(
        runtime, pki, behave, [None, 0.2], context, calls=[*(calls or [GET]), BLANK, GET], **more)
    assert "error" not in connected
    given_up(runtime, result)
    assert blank["value"] is True
    assert again["errno"] == errno.ENOTCONN


def test_cancelled_while_sending(runtime, pki):
    result, blank, again = unread(runtime, pki, cancel=[None, 0.3])
    assert result["error"] == "CancelledError", result
    assert blank["value"] is True and again["errno"] == errno.ENOTCONN


def test_cancelled_before_the_answer(runtime, pki):
    call_cancelled(runtime, pki, silent)


def test_cancelled_in_the_answer(runtime, pki):
    def behave(sock, server):
        kit.read_message(sock)
        sock.sendall(GOOD[:50])

    call_cancelled(runtime, pki, behave)
    call_cancelled(runtime, pki, drips)


def test_cancelled_in_a_batch(runtime, pki):
    call_cancelled(runtime, pki, silent, ["batch", [GET, GET], {}])


# ---- the billing end point's POST ----


def posted(runtime, pki, *answer, pause=0, **more):
    """The result of a POST to a server that sends these pieces, and what it was sent."""
    sent = []

    def behave(sock):
        data = b""
        while not data.endswith(b"\r\n\r\nbody"):
            part = sock.recv(4096)
            if not part:
                return  # given up before it was sent, on a machine with much else to do
            data += part
        sent.append(data)
        for piece in answer:
            sock.sendall(piece)
            server.pause(pause)
        if "cancel" not in more and "timeout" not in more:
            cut(sock, "end")

    with kit.Server(behave, kit.server_context(pki.server, pki.ca)) as server:
        (result,) = runtime.one(pki.job(server.port, post="/reports", **more))
        assert server.gone.wait(30)
    if sent or not ("cancel" in more or "timeout" in more):
        assert sent == [b"POST /reports HTTP/1.1\r\nHost: kmip.test\r\nContent-Length: 4\r\n"
                        b"Connection: close\r\n\r\nbody"]
    return result


def test_post(runtime, pki):
    line = b"HTTP/1.1 204 No Content\r\n"
    for pieces in ([line + b"\r\n"], [bytes([byte]) for byte in line], [b"HTTP/1.0 204\r\n"]):
        assert posted(runtime, pki, *pieces)["value"] == 204


@pytest.mark.parametrize("data", [
    b"", b"HTTP/1.1 20", b"220 mail.example ESMTP\r\n", b"HTTP/1.1 abc x\r\n", bytes(10000)])
def test_post_without_an_http_answer(runtime, pki, data):
    result = posted(runtime, pki, data)
    assert result["os"] and not result["refused"], result


def test_post_to_a_server_that_takes_its_time(runtime, pki):
    for pieces in ((), [b"H"] * 200):
        result = posted(runtime, pki, *pieces, pause=0.05, timeout=TIMEOUT)
        assert result["errno"] == errno.ETIMEDOUT and TIMEOUT - 0.1 < result["seconds"] < TIMEOUT + SLACK
        ticked(runtime, "a POST without an answer", result)
    given_up(runtime, posted(runtime, pki, cancel=[1]))  # behind the handshake
