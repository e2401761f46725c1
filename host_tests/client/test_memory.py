"""No key is left in the memory of the process once it has been used and wiped: the whole of it is searched
from outside (/proc/PID/mem), on both Unix ports, whose TLS is on the heap as a board's is."""

import json
import os
import re

import holding
import kit
import messages as m
import ports
import pytest

KEY = bytes((at * 73 + 41) & 0xFF for at in range(32))
GOOD = m.success(m.GET, *m.got_key(value=KEY))

TWO = m.message(m.item(0x12, [m.uid("id-1")], 1), m.item(m.GET, m.got_key(value=KEY), 2))


def image(pid):
    """[(where, bytes)] of everything that a process may write to."""
    found = []
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for line in maps:
            span, rights, *_, name = (line + " -").split()[:6] + [line.split()[-1]]
            if "w" not in rights:
                continue
            start, end = (int(each, 16) for each in span.split("-"))
            try:
                memory.seek(start)
                found.append((name, memory.read(end - start)))
            except (OSError, ValueError):
                pass
    return found


def forms(secret):
    """What to look for: the bytes, as MicroPython's integers have them, in hexadecimal, and the halves."""
    half = len(secret) // 2
    return {
        "whole": secret, "turned round": secret[::-1], "first half": secret[:half],
        "second half": secret[half:], "hex": secret.hex().encode(),
        "first half turned round": secret[:half][::-1],
    }


def traces(port, tmp_path, secret, job):
    """Where a secret (or what gives it) is found in a process that has done the job, as {form: count}."""
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job))
    process = port.start([holding.__file__, path], path=(ports.FIRMWARE, os.path.dirname(holding.__file__)))
    try:
        line = process.stdout.readline()
        assert line == "ready\n", line + process.stdout.read()
        seen = image(process.pid)
        secret = secret() if callable(secret) else secret
    finally:
        process.kill()
        process.communicate()
    # The look finds what is there: the port's own name for a module, which this process certainly holds.
    assert any(b"kmip_lite" in data for _, data in seen)
    return {form: sum(len(re.findall(re.escape(text), data)) for _, data in seen)
            for form, text in forms(secret).items() if any(text in data for _, data in seen)}


@pytest.fixture(params=["unix64", "unix32"])
def port(request):
    return ports.open_port(request.param)


def answering(data):
    def behave(sock):
        while kit.read_message(sock):
            sock.sendall(data)
    return behave


def over_https(sock):
    while kit.read_http(sock):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(GOOD) + GOOD)


def half(sock):
    kit.read_message(sock)
    sock.sendall(GOOD[:-8])
    sock.close()


CASES = {
    "get": ("get_into", answering(GOOD), {}),
    "get, still connected": ("get_into", answering(GOOD), {"close": False}),
    "batch": ("batch_into", answering(TWO), {}),
    "poll": ("poll_into", answering(GOOD), {}),
    "https": ("get_into", over_https, {"path": "/kmip"}),
    "https, still connected": ("get_into", over_https, {"path": "/kmip", "close": False}),
    "cut off": ("cut_off", half, {}),
    "an answer to something else": ("refused", answering(GOOD), {}),
    "asyncio": ("asked_into", answering(GOOD), {}),
    "register": ("register", answering(m.success(3, m.uid("id-1"))), {}),
}


def left(port, pki, tmp_path, what, behave, more):
    with kit.Server(behave, kit.server_context(pki.server, pki.ca)) as server:
        return traces(port, tmp_path, KEY, pki.job(server.port, what=what, size=len(KEY), **more))


@pytest.mark.parametrize("close", [True, False])
def test_the_sessions_own_secret(port, pki, tmp_path, close):
    """TLS forgets its master secret when it is closed; while it is open it has to hold it."""
    context = kit.server_context(pki.server, pki.ca)
    context.keylog_filename = str(tmp_path / "keys")
    with kit.Server(answering(GOOD), context) as server:
        job = pki.job(server.port, what="get_into", size=len(KEY), close=close)

        def secret():
            (line,) = [line.split() for line in (tmp_path / "keys").read_text().splitlines()
                       if line.startswith("CLIENT_RANDOM")]
            return bytes.fromhex(line[2])

        found = traces(port, tmp_path, secret, job)
    assert found == {} if close else found["whole"] >= 1


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_left_of_a_key(port, pki, tmp_path, case):
    assert left(port, pki, tmp_path, *CASES[case]) == {}


def test_what_is_left_of_a_key_in_bytes(port, pki, tmp_path):
    """As Get's docstring says: without `into` the value is bytes, which nothing can wipe. (And so the search
    does find a key that is there.)"""
    for collect in (False, True):
        assert left(port, pki, tmp_path, "get_bytes", answering(GOOD), {"collect": collect})["whole"] >= 1


def test_what_is_left_of_a_private_key(port, pki, tmp_path):
    """Python's integers and bytes cannot be wiped: SECURITY.md says so, and how often it was found."""
    secret = pki.client.key.private_numbers().private_value.to_bytes(32, "big")
    (tmp_path / "private").write_bytes(pki.client.key_der)
    found = traces(port, tmp_path, secret, {"what": "signed", "private": str(tmp_path / "private")})
    assert 1 <= found["whole"] <= 8 and found["turned round"] <= 2
    with kit.Server(answering(GOOD), kit.server_context(pki.server, pki.ca)) as server:
        job = pki.job(server.port, what="shaken", private=str(tmp_path / "private"), key=None, collect=True)
        found = traces(port, tmp_path, secret, job)
    assert found["whole"] == 1 and "turned round" not in found  # the bytes of the file; none of TLS's own
