"""Servers that misbehave: each ends in the documented exception, which tells the cause, within the
time-out, and with the connection closed where it cannot be trusted. On CPython and on both Unix ports."""

import contextlib
import errno
import socket
import ssl
import struct

import kit
import messages as m
import pytest
from waiting import reserve, wait_for

TIMEOUT = 0.5
SLACK = 5  # what a busy machine may add; who waits for too long here waits for ten seconds

KEY = b"0123456789abcdef"
GOOD = m.success(m.GET, *m.got_key(value=KEY))
GET = ["get", ["id-1"], {}]


def good(sock):
    while kit.read_message(sock):
        sock.sendall(GOOD)


def exchange(runtime, pki, behave, *calls, **more):
    """The results of calls (by default one Get) against a server with this behaviour."""
    context = kit.server_context(pki.server, pki.ca)
    job = pki.job(0, calls=[*(calls or [GET]), ["blank", [], {}], GET], **more)
    with kit.Server(behave, context) as server:
        job["port"] = server.port
        connected, *results = runtime.run(job)
        assert connected["value"] is None, connected
        assert server.gone.wait(30)
    return results


def closed(results, wanted, text, seconds=TIMEOUT):
    """The first call failed as wanted; the buffer is blank, and the client speaks no more."""
    failed, blank, again = results
    assert failed["error"] in wanted and text in failed["text"], failed
    assert failed["seconds"] < seconds + SLACK
    assert blank["value"] is True
    assert again["errno"] == errno.ENOTCONN and "closed" in again["text"]
    assert again["seconds"] < SLACK


OSERRORS = ("OSError", "TLSError", "ConnectionResetError", "BrokenPipeError", "TimeoutError")


def test_a_good_server(runtime, pki):
    results = exchange(runtime, pki, good)
    assert results[0]["value"]["value"] == {"hex": KEY.hex()}
    assert results[1]["value"] is True
    assert results[2]["value"] == results[0]["value"]


def answering(data):
    def behave(sock):
        kit.read_message(sock)
        sock.sendall(data)

    return behave


@pytest.mark.parametrize("text, data", [
    ("not a KMIP answer", b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(40)),
    ("longer than the buffer", GOOD[:4] + b"\x00\x10\x00\x00" + bytes(1 << 20)),
    ("past the end", GOOD.replace(b"\x42\x00\x43\x08\0\0\0\x10", b"\x42\x00\x43\x08\0\0\xff\xf0")),
    ("another protocol version", m.success(m.GET, *m.got_key(value=KEY), version=13)),
    ("another operation", m.success(m.CERTIFY, m.uid())),
    ("number of items", m.message(m.item(m.GET, m.got_key(value=KEY)), m.item(m.GET, []))),
    ("no item 420057", m.success(m.GET, m.uid())),
], ids=lambda value: value if isinstance(value, str) else "")
def test_answers_that_are_no_answer(runtime, pki, text, data):
    closed(exchange(runtime, pki, answering(data)), ("TTLVError",), text)


def test_a_refusal(runtime, pki):
    refusal = m.message(m.failure(m.GET, 1, "there is no such object"))
    failed, blank, again = exchange(runtime, pki, answering(refusal + GOOD))
    assert (failed["error"], failed["reason"]) == ("KmipError", 1)
    assert "no such object" in failed["text"]
    assert blank["value"] is True
    assert again["value"]["value"] == {"hex": KEY.hex()}  # the connection goes on


@pytest.mark.parametrize("count", [0, 1, 7, 8, 20, len(GOOD) - 1])
def test_an_end_in_the_answer(runtime, pki, count):
    def behave(sock):
        kit.read_message(sock)
        sock.sendall(GOOD[:count])
        sock.setblocking(False)
        with contextlib.suppress(ssl.SSLWantReadError):
            sock.unwrap()  # close_notify, without waiting for the client's
        cut(sock, "end")

    closed(exchange(runtime, pki, behave), OSERRORS, "")


@pytest.mark.parametrize("count", [0, 20])
@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_connection_cut(runtime, pki, count, how):
    def behave(sock):
        kit.read_message(sock)
        sock.sendall(GOOD[:count])
        cut(sock, how)

    results = exchange(runtime, pki, behave)
    closed(results, OSERRORS, "")
    if how == "end":
        assert "closed" in results[0]["text"]


def cut(sock, how):
    """End TCP without a word of TLS."""
    if how == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    bare = socket.socket(fileno=sock.detach())
    bare.close()


def test_a_connection_cut_between_two_requests(runtime, pki):
    def behave(sock):
        kit.read_message(sock)
        sock.sendall(GOOD)
        cut(sock, "end")

    first, blank, again = exchange(runtime, pki, behave)
    assert first["value"]["value"] == {"hex": KEY.hex()} and blank["value"]
    assert again["os"] and again["errno"] != errno.ETIMEDOUT


# ---- time ----


def test_a_silent_server(runtime, pki):
    def behave(sock):
        kit.read_message(sock)

    results = exchange(runtime, pki, behave, exchange=TIMEOUT)
    closed(results, OSERRORS, "in time")
    assert results[0]["errno"] == errno.ETIMEDOUT
    assert results[0]["seconds"] > TIMEOUT - 0.1


def test_a_server_that_stops_in_the_answer(runtime, pki):
    results = exchange(runtime, pki, answering(GOOD[:50]), exchange=TIMEOUT)
    closed(results, OSERRORS, "in time")
    assert results[0]["errno"] == errno.ETIMEDOUT


def test_a_server_that_drips(runtime, pki):
    with_server = []

    def behave(sock):
        kit.read_message(sock)
        for at in range(len(GOOD)):
            sock.sendall(GOOD[at : at + 1])
            if not with_server[0].pause(0.3):
                return

    context = kit.server_context(pki.server, pki.ca)
    with kit.Server(behave, context) as server:
        with_server.append(server)
        job = pki.job(server.port, calls=[GET, ["blank", [], {}], GET], exchange=TIMEOUT)
        results = runtime.run(job)[1:]
    closed(results, OSERRORS, "in time")
    assert results[0]["errno"] == errno.ETIMEDOUT
    assert results[0]["seconds"] > TIMEOUT - 0.1


def test_the_time_out_is_for_each_exchange(runtime, pki):
    def behave(sock):
        while kit.read_message(sock):
            assert servers[0].pause(1.2)
            sock.sendall(GOOD)

    servers = []
    context = kit.server_context(pki.server, pki.ca)
    with kit.Server(behave, context) as server:
        servers.append(server)
        results = runtime.run(pki.job(server.port, calls=[GET] * 2, exchange=2))
    assert [result.get("error") for result in results] == [None] * 3


# ---- the handshake ----


def handshake(runtime, pki, behave=good, server=None, context=None, **more):
    """The error of a connection that must not come about, and the server's own errors."""
    if server is not None:
        context = kit.server_context(server, pki.ca)
    with kit.Server(behave, context) as listening:
        results = runtime.run(pki.job(listening.port, **more))
        assert len(results) == 1
        assert listening.gone.wait(30)
    assert results[0]["os"], results
    assert results[0]["seconds"] < TIMEOUT + SLACK
    return results[0], listening.errors


def hello(sock):
    """Take the client's first record."""
    head = sock.recv(5, socket.MSG_WAITALL)
    sock.recv(int.from_bytes(head[3:5], "big"), socket.MSG_WAITALL)


def test_handshake_with_a_silent_server(runtime, pki):
    failed, _ = handshake(runtime, pki, hello, timeout=TIMEOUT)
    assert failed["errno"] == errno.ETIMEDOUT and "in time" in failed["text"]
    assert failed["seconds"] > TIMEOUT - 0.1


def test_handshake_with_a_server_that_drips(runtime, pki):
    def behave(sock):
        hello(sock)
        for byte in b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(90):
            sock.sendall(bytes([byte]))
            servers[0].pause(0.3)

    servers = []
    with kit.Server(behave) as server:
        servers.append(server)
        (failed,) = runtime.run(pki.job(server.port, timeout=TIMEOUT))
    assert failed["errno"] == errno.ETIMEDOUT and "in time" in failed["text"]
    assert TIMEOUT - 0.1 < failed["seconds"] < TIMEOUT + SLACK


def test_handshake_with_a_server_that_floods(runtime, pki):
    def behave(sock):
        hello(sock)
        warning = b"\x15\x03\x03\x00\x02\x01\x64"  # no_renegotiation: to be ignored
        while servers[0].pause(0):
            sock.sendall(warning * 500)

    servers = []
    with kit.Server(behave) as server:
        servers.append(server)
        (failed,) = runtime.run(pki.job(server.port, timeout=TIMEOUT))
    assert failed["os"] and failed["seconds"] < TIMEOUT + SLACK, failed


def test_a_flood_does_not_outlast_the_time_out(runtime, pki):
    # What TLS passes over by itself, such as warnings, must not keep it reading for ever.
    def behave(sock):
        while servers[0].pause(0):
            sock.sendall(bytes(4096))

    servers = []
    with kit.Server(behave) as server:
        servers.append(server)
        (result,) = runtime.run(pki.job(server.port, timeout=TIMEOUT, swallow=True))
    assert result["value"] == -errno.ETIMEDOUT
    assert TIMEOUT - 0.1 < result["seconds"] < TIMEOUT + SLACK


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x03\x00\x7a\x02\x00"])
@pytest.mark.parametrize("how", ["end", "reset"])
def test_handshake_cut(runtime, pki, data, how):
    def behave(sock):
        hello(sock)
        sock.sendall(data)
        cut(sock, how)

    with kit.Server(behave) as server:
        (failed,) = runtime.run(pki.job(server.port))
    assert failed["os"] and failed["errno"] != errno.ETIMEDOUT
    assert not failed["refused"]


@pytest.mark.parametrize("end", ["reset", "refusal", "wrong CA", "good"])
def test_many_handshakes_in_a_small_heap(port, pki, end):
    # Each holds about 23 KB there; none may keep it.
    ca = pki.other_ca if end == "refusal" else pki.ca
    server = kit.server_identity(pki.other_ca) if end == "wrong CA" else pki.server
    context = None if end == "reset" else kit.server_context(server, ca)

    def reset(sock):
        hello(sock)
        cut(sock, "reset")

    with kit.Server(reset if end == "reset" else good, context) as listening:
        job = pki.job(listening.port, calls=[GET], before=8)
        heap = "heapsize=%d" % (160000 if port.target == "unix32" else 240000)
        results = kit.Runtime(port.target).run(job, "-X", heap)
        wait_for(lambda: listening.connections == 9)
    if end == "good":
        assert results[1]["value"]["value"] == {"hex": KEY.hex()}
    else:
        assert len(results) == 1 and "memory" not in results[0]["text"], results


def test_a_server_without_tls(runtime, pki):
    def behave(sock):
        sock.sendall(b"220 mail.example ESMTP\r\n" * 4)

    failed, _ = handshake(runtime, pki, behave)
    assert failed["error"] == "TLSError" and not failed["refused"], failed


def test_nobody_listens(runtime, pki):
    with reserve() as nobody:
        (failed,) = runtime.run(pki.job(nobody.getsockname()[1]))
    assert failed["errno"] == errno.ECONNREFUSED


def test_a_host_that_does_not_answer(runtime, pki):
    # A full backlog: further connections get no answer.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        waiting = []
        for _ in range(3):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
            waiting.append(sock)
        (failed,) = runtime.run(pki.job(port, timeout=TIMEOUT))
        for sock in waiting:
            sock.close()
    assert failed["os"], failed
    assert failed["errno"] == errno.ETIMEDOUT or "timed out" in failed["text"], failed
    assert failed["seconds"] < TIMEOUT + SLACK


# ---- certificates ----


def why(failed, *texts):
    assert failed["error"] == "TLSError" and not failed["refused"], failed
    assert any(text in failed["text"].lower() for text in texts), failed
    assert failed["errno"] in (0, -1) and failed["text"].count("TLS: ") == 1, failed


def test_a_server_of_another_ca(runtime, pki):
    failed, _ = handshake(runtime, pki, server=kit.server_identity(pki.other_ca))
    why(failed, "not correctly signed by the trusted", "certificate signature failure")
    failed, _ = handshake(runtime, pki, server=kit.server_identity(kit.Identity("unknown CA")))
    why(failed, "not correctly signed by the trusted", "unable to get")


def test_a_server_of_another_name(runtime, pki):
    for name in ("other.test", "xkmip.test", "kmip.test.evil.test"):
        failed, _ = handshake(runtime, pki, server=kit.server_identity(pki.ca, name))
        why(failed, "does not match with the expected cn", "hostname mismatch")


def test_a_server_whose_certificate_has_expired(runtime, pki):
    failed, _ = handshake(runtime, pki, server=kit.server_identity(pki.ca, start=-9, end=-1))
    why(failed, "expired")


def test_a_server_whose_certificate_is_not_yet_valid(runtime, pki):
    failed, _ = handshake(runtime, pki, server=kit.server_identity(pki.ca, start=1, end=9))
    why(failed, "in the future", "not yet valid")


def identity(pki, made):
    return {"cert": {"hex": made.der.hex()}, "key": {"hex": made.key_der.hex()}}


REFUSALS = {
    "expired": lambda pki: identity(pki, kit.client_identity(pki.ca, start=-9, end=-1)),
    "of another CA": lambda pki: identity(pki, kit.client_identity(pki.other_ca)),
    "of no CA it knows": lambda pki: identity(pki, kit.client_identity(kit.Identity("unknown CA"))),
    "none": lambda pki: {"cert": None},
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_our_certificate_is_refused(runtime, pki, kind):
    context = kit.server_context(pki.server, pki.ca, ssl.TLSVersion.TLSv1_2)
    failed, errors = handshake(runtime, pki, context=context, **REFUSALS[kind](pki))
    assert failed["error"] == "TLSError" and failed["refused"], failed
    assert "refuses our certificate" in failed["text"]
    assert errors


@pytest.mark.parametrize("kind", REFUSALS)
def test_our_certificate_is_refused_by_tls_1_3(pki, kind):
    # The client learns it at its first read only. (The Unix ports built here speak TLS 1.2.)
    context = kit.server_context(pki.server, pki.ca, ssl.TLSVersion.TLSv1_3)
    with kit.Server(good, context) as server:
        job = pki.job(server.port, calls=[GET, GET], **REFUSALS[kind](pki))
        connected, failed, again = kit.Runtime("CPython").run(job)
        assert server.gone.wait(30)
    assert connected["value"] is None
    assert failed["error"] == "TLSError" and failed["refused"], failed
    assert again["errno"] == errno.ENOTCONN


def test_a_server_of_tls_1_1(runtime, pki):
    with pytest.warns(DeprecationWarning):
        context = kit.server_context(pki.server, pki.ca, ssl.TLSVersion.TLSv1_1)
    context.set_ciphers("ALL:@SECLEVEL=0")
    failed, _ = handshake(runtime, pki, context=context)
    assert failed["error"] == "TLSError", failed
