"""KMIP over a serial line: kmip_lite.uart and tools/uartbridge, on CPython and on both Unix ports."""

import errno
import os
import socket
import subprocess
import sys
import threading
import time

import kit
import messages as m
import pytest
import uartdrive
from ports import FIRMWARE
from waiting import reserve, wait_for

from tools import uartbridge
from tools.steps import ROOT
from tools.uartbridge import Bridge

KEY = b"0123456789abcdef"
GOOD = m.success(m.GET, *m.got_key(value=KEY))
GET = ["get", ["id-1"]]
HELLO = b"\x16\x03\x01\x00\x80\x01\x00\x00\x7c\x03\x03" + bytes(122)


def good(sock):
    while kit.read_message(sock):
        sock.sendall(GOOD)


def deal(runtime, pki, behave, connections, **more):
    """The results of connections over a bridge to a server with this behaviour, and the bridge."""
    with kit.Server(behave, kit.server_context(pki.server, pki.ca)) as server, \
            Bridge("listen:127.0.0.1:0", ("127.0.0.1", server.port)) as bridge:
        job = pki.job(bridge.address[1], connections=connections, **more)
        return runtime.run(job, script=uartdrive), bridge


def test_one_connection_after_another(runtime, pki):
    results, bridge = deal(runtime, pki, good, [[GET, GET], [GET], [GET]])
    values = [result["value"] for result in results]
    assert [len(calls) for calls in values] == [2, 1, 1]
    assert all(call["value"] == {"hex": KEY.hex()} for calls in values for call in calls)
    assert bridge.connections == 3
    assert bridge.sent > 2000 and bridge.received > 2000


def test_a_device_cut_off_within_a_record_is_understood_again_at_once(runtime, pki):
    results, bridge = deal(runtime, pki, good, ["torn", [GET]])
    assert results[0]["value"] == "torn"
    assert results[1]["value"][0]["value"] == {"hex": KEY.hex()}
    assert bridge.connections == 2


def test_a_server_that_hangs_up_is_a_time_out(runtime, pki):
    def once(sock):
        sock.sendall(GOOD if kit.read_message(sock) else b"")
        sock.shutdown(socket.SHUT_RDWR)

    results, _ = deal(runtime, pki, once, [[GET, GET], [GET]], timeout=4)
    assert results[0]["os"] and 4 <= results[0]["seconds"] < 20, results
    assert results[1]["value"][0]["value"] == {"hex": KEY.hex()}, results


def test_no_server_is_a_time_out(runtime, pki):
    with reserve() as nobody, Bridge("listen:127.0.0.1:0", nobody.getsockname()) as bridge:
        results = runtime.run(pki.job(bridge.address[1], connections=[[GET]], timeout=0.5), script=uartdrive)
    assert results[0]["os"] and results[0]["errno"] == errno.ETIMEDOUT
    assert results[0]["seconds"] < 10


def flood(listener, stop, data=b"\x17" * 1000, pause=0.02):
    sock = listener.accept()[0]
    try:
        while not stop.wait(pause):
            sock.sendall(data)
    except OSError:
        pass
    sock.close()


def test_a_line_that_is_never_quiet(runtime, pki):
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=flood, args=(listener, stop))
        thread.start()
        try:
            job = pki.job(listener.getsockname()[1], connections=[[GET]], timeout=0.5)
            results = runtime.run(job, script=uartdrive)
        finally:
            stop.set()
            thread.join(10)
    assert results[0]["os"] and results[0]["errno"] == errno.ETIMEDOUT
    assert results[0]["seconds"] < 10


def test_what_is_left_of_before_is_dropped(runtime, pki):
    # The end of an answer that came too late stands in the UART when the next connection begins.
    with kit.Server(good, kit.server_context(pki.server, pki.ca)) as server, \
            Line(server.port) as line:
        results = runtime.run(pki.job(line.port, connections=[[GET]], pause=0.2), script=uartdrive)
    assert results[0]["value"][0]["value"] == {"hex": KEY.hex()}


class Line:
    """A relay between a driver of its own and the bridge that begins with what nobody asked for."""

    def __init__(self, to):
        self.bridge = Bridge("listen:127.0.0.1:0", ("127.0.0.1", to))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = []

    def __enter__(self):
        self.bridge.__enter__()
        self.device = socket.create_connection(self.bridge.address)
        self.threads.append(threading.Thread(target=self.relay, daemon=True))
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.threads[0].join(10)
        self.device.close()
        self.listener.close()
        self.bridge.__exit__()

    def relay(self):
        with self.listener.accept()[0] as sock:
            sock.sendall(b"\x17\x03\x03\x00\x40 the rest of something" * 40)
            other = threading.Thread(target=self.copy, args=(self.device, sock), daemon=True)
            other.start()
            self.copy(sock, self.device)
            self.device.shutdown(socket.SHUT_RDWR)
            other.join(10)

    def copy(self, source, to):
        try:
            while data := source.recv(4096):
                to.sendall(data)
        except OSError:
            pass


# ---- the bridge alone ----


class Ends:
    """A pseudo terminal that a bridge serves: `device` is a file descriptor of the device's side."""

    def __init__(self, **options):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(30)
        self.device, self.line = os.openpty()
        self.logged = []
        self.bridge = Bridge(os.ttyname(self.line), self.server.getsockname(), log=self.logged.append,
                             **options)

    def __enter__(self):
        self.bridge.__enter__()
        wait_for(lambda: "the line is there" in self.logged)
        return self

    def __exit__(self, *_):
        self.bridge.__exit__()
        self.server.close()
        for end in (self.device, self.line):
            os.close(end)

    def accept(self):
        sock = self.server.accept()[0]
        sock.settimeout(30)
        return sock

    def read(self, count):
        data = b""
        while len(data) < count:
            data += os.read(self.device, count - len(data))
        return data


def received(sock, count):
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        assert part, data
        data += part
    return data


def test_every_byte_goes_both_ways_over_a_terminal():
    # A terminal that is not raw would translate, echo or swallow some of them.
    octets = bytes(range(256))
    with Ends() as ends:
        os.write(ends.device, HELLO + octets)
        with ends.accept() as sock:
            assert received(sock, len(HELLO) + 256) == HELLO + octets
            sock.sendall(octets * 100)
            assert ends.read(25600) == octets * 100


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 12])
def test_a_hello_in_pieces_with_rubbish_before_it(size):
    stream = b"garbage \x16\x03\x01\x02\x00" + HELLO + b"more"
    with Ends() as ends:
        for at in range(0, len(stream), size):
            os.write(ends.device, stream[at:at + size])
            if at < 40:
                time.sleep(0.005)
        with ends.accept() as sock:
            assert received(sock, len(HELLO) + 4) == HELLO + b"more"


def test_a_new_hello_ends_the_connection_before():
    with Ends() as ends:
        os.write(ends.device, HELLO + b"\x17\x03\x03\x40\x00 half a rec")
        with ends.accept() as first:
            wait_for(lambda: ends.bridge.sent > len(HELLO))
            os.write(ends.device, HELLO)
            with ends.accept() as second:
                assert received(second, len(HELLO)) == HELLO
                assert first.recv(200)[:11] == HELLO[:11]
                assert first.recv(200) == b""
        assert ends.bridge.connections == 2


def test_what_looks_like_a_hello_s_beginning_is_not_kept_for_long():
    with Ends() as ends:
        os.write(ends.device, HELLO)
        with ends.accept() as sock:
            received(sock, len(HELLO))
            os.write(ends.device, b"data\x16\x03")
            assert received(sock, 6) == b"data\x16\x03"


def test_nothing_is_sent_before_a_hello_or_after_the_server_has_closed():
    with Ends() as ends:
        os.write(ends.device, b"x" * 100 + HELLO)
        sock = ends.accept()
        assert received(sock, len(HELLO)) == HELLO
        sock.close()
        wait_for(lambda: "disconnected: the server has closed" in ends.logged)
        os.write(ends.device, b"late" + HELLO)
        with ends.accept() as sock:
            assert received(sock, len(HELLO)) == HELLO


def test_plain():
    with Ends(plain=True) as ends:
        os.write(ends.device, b"hello")
        with ends.accept() as sock:
            assert received(sock, 5) == b"hello"
            sock.sendall(b"yes")
            assert ends.read(3) == b"yes"


def test_idle():
    with Ends(idle=0.3) as ends:
        os.write(ends.device, HELLO)
        with ends.accept() as sock:
            received(sock, len(HELLO))
            assert sock.recv(1) == b""
        wait_for(lambda: any("nothing came" in line for line in ends.logged))


def test_a_line_that_comes_and_goes(tmp_path):
    path = tmp_path / "line"
    logged = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        with Bridge(str(path), server.getsockname(), log=logged.append):
            for turn in (1, 2):
                device, line = os.openpty()
                path.symlink_to(os.ttyname(line))
                wait_for(lambda turn=turn: logged.count("the line is there") == turn)
                os.write(device, HELLO)
                server.accept()[0].close()
                path.unlink()
                os.close(line)
                os.close(device)
    assert logged.count("the line is there") == 2
    assert sum("No such file" in line for line in logged) <= 3  # said once, not at every try


@pytest.mark.parametrize("arguments, says", [
    (["--line", "x", "--to", "nowhere"], "nowhere"),
    (["--line", "tcp:5", "--to", "localhost:1"], "is HOST:PORT"),
    (["--line", "x", "--to", "localhost:1", "--baud", "12345"], "12345"),
    (["--to", "localhost:1"], "--line"),
])
def test_bad_arguments(arguments, says):
    done = subprocess.run([sys.executable, "-m", "tools.uartbridge", *arguments], cwd=ROOT,
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and says in done.stderr and "Traceback" not in done.stderr


def test_the_beginning_of_a_hello():
    for size in range(len(HELLO)):
        expected = size if size < 11 else 0
        assert uartbridge._partial(b"abc" + HELLO[:size]) == expected, size


NOISE = """
import asyncio
from kmip_lite.uart import AsyncLine
class Noise:
    def readinto(self, buf):
        return len(buf)
async def main():
    turns = 0
    async def others():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.05)
    task = asyncio.create_task(others())
    try:
        await AsyncLine(Noise()).connect("", 0, None, "kmip.example", 1)
    except OSError as error:
        print(error.args[1], turns > 5)
    task.cancel()
asyncio.run(main())
"""


def test_a_line_that_is_never_quiet_stops_nobody_else(port):
    status, output = port.run(["-c", NOISE], path=[FIRMWARE], timeout=20)
    assert status == 0 and output.strip() == "the line is never quiet True", output
