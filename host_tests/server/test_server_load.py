"""The server under load: 500 connections of every kind, no more threads and descriptors than that takes, and
one key's allocation taken by 50 at once."""

import contextlib
import os
import resource
import socket
import ssl
import threading
import time

import pytest
from serverkit import Wire, client_files, der_to_pem
from test_server_store import serve
from waiting import wait_for

from tools.provision import provision
from tools.refserver import Engine, Server, direct, init, ttlv
from tools.refserver.enums import Operation
from tools.refserver.errors import KmipError
from tools.refserver.store import CONNECTIONS
from tools.refserver.tags import Tag as T

QUERY = direct.request(14, (Operation.QUERY, [ttlv.enumeration(T.QUERY_FUNCTION, 1)]))
LONG = direct.request(14, *[(Operation.QUERY, [
    ttlv.enumeration(T.QUERY_FUNCTION, number) for number in (1, 2, 3)])] * 32)


class Process:
    """What the system says of a process."""

    def __init__(self, pid):
        self.pid = pid

    def threads(self):
        return len(os.listdir("/proc/%d/task" % self.pid))

    def files(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def status(self, name):
        with open("/proc/%d/status" % self.pid) as file:
            return next(int(line.split()[1]) for line in file if line.startswith(name + ":"))


def test_500_connections(tmp_path):
    """400 idle, 50 that write a byte now and then, 50 that do not read; a meter among them is served."""
    init(tmp_path / "state")
    config = provision(tmp_path / "state", "meter-0001", tmp_path / "meter")
    files = der_to_pem(tmp_path / "meter")
    process, port = serve(tmp_path / "state", tmp_path, "--connections", "500")
    seen = Process(process.pid)
    before = seen.threads(), seen.files()
    key = ttlv.text(T.UNIQUE_IDENTIFIER, config["key_uid"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(files[2])
    context.load_cert_chain(*files[:2])
    with contextlib.ExitStack() as stack:
        def connect():
            raw = socket.create_connection(("127.0.0.1", port), 20)
            return stack.enter_context(context.wrap_socket(raw, server_hostname="localhost"))

        held = [connect() for _ in range(499)]
        with Wire(port, files) as wire:
            for sock in held[400:450]:
                sock.sendall(QUERY[:9])
            for sock in held[450:]:
                sock.settimeout(0.05)
                with contextlib.suppress(TimeoutError, ssl.SSLError):
                    for _ in range(40):
                        sock.sendall(LONG)
            took = []
            for number in range(20):
                started = time.monotonic()
                direct.payload_of(wire.call(Operation.GET, key))
                took.append(time.monotonic() - started)
                held[400 + number].sendall(QUERY[9:10])
            assert sorted(took)[10] < 3, took
            # A thread and a descriptor for each, and the store's connections, which are few.
            assert seen.threads() <= before[0] + 500
            assert seen.files() <= before[1] + 500 + 3 * CONNECTIONS
            peak = seen.threads(), seen.files(), seen.status("VmHWM")
            with pytest.raises((OSError, ssl.SSLError)):
                connect()
            wait_for(lambda: seen.threads() <= before[0] + 500)
            # Those that write slowly are answered once they are through.
            held[400].sendall(QUERY[10:])
            held[400].settimeout(20)
            assert ttlv.decode(held[400].recv(65536)).find(T.BATCH_ITEM).find(T.RESULT_STATUS).value == 0
    wait_for(lambda: seen.threads() <= before[0] + 1 and seen.files() <= before[1] + 3 * CONNECTIONS)
    with Wire(port, files) as wire:
        direct.payload_of(wire.call(Operation.GET, key))
    process.terminate()
    _, errors = process.communicate(timeout=20)
    assert errors.count("refused: there are 500 connections, and no more are served") == 1
    assert errors.count("\n") == 1, errors
    print("%d threads, %d descriptors, %d kB; a Get took %.3f s at the median, %.3f at most" % (
        *peak, sorted(took)[10], max(took)))


def test_a_flood_of_handshakes_that_do_not_come(tmp_path):
    """Bare TCP connections go after the handshake's time, and others come in then."""
    init(tmp_path / "state")
    files = client_files(tmp_path, tmp_path / "state", "meter-0001", int(time.time()))
    with Server(tmp_path / "state", max_connections=40, handshake_timeout=4) as server:
        server.engine.add_device("meter-0001")
        silent = [socket.create_connection(("127.0.0.1", server.port), 30) for _ in range(60)]
        wait_for(lambda: server.counters.connections == 60)
        assert server.counters.refused >= 20
        wait_for(lambda: not server._sockets)
        with Wire(server.port, files) as wire:
            assert wire.exchange(QUERY)
        for sock in silent:
            sock.close()


def test_fewer_descriptors_than_connections_want(tmp_path):
    init(tmp_path / "state")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with pytest.raises(ValueError, match="descriptors"):
        Server(tmp_path / "state", max_connections=hard)


@pytest.mark.parametrize("each", [4, pytest.param(100, marks=pytest.mark.long)])
def test_50_clients_take_from_one_key(tmp_path, each):
    """Exactly what there is is granted, to the last unit that fits."""
    init(tmp_path / "state")
    total = 50 * each * 7 * 7 // 10  # less than all of them ask for
    config = provision(tmp_path / "state", "meter-0001", tmp_path / "meter", usage_total=total)
    files = der_to_pem(tmp_path / "meter")
    granted, refused, lock = [], [], threading.Lock()
    start = threading.Barrier(50)

    def take():
        with Wire(server.port, files, timeout=120) as wire:
            start.wait(60)
            for _ in range(each):
                item = wire.call(Operation.GET_USAGE_ALLOCATION,
                                 ttlv.text(T.UNIQUE_IDENTIFIER, config["key_uid"]),
                                 ttlv.long_integer(T.USAGE_LIMITS_COUNT, 7))
                try:
                    direct.payload_of(item)
                except KmipError as error:
                    with lock:
                        refused.append(error.reason)
                else:
                    with lock:
                        granted.append(7)

    with Server(tmp_path / "state") as server:
        threads = [threading.Thread(target=take) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    engine = Engine(tmp_path / "state")
    with engine.store.transaction(write=False) as txn:
        _, remaining, _, allocations = txn.limits(config["key_uid"])
    engine.close()
    assert len(granted) + len(refused) == 50 * each and set(refused) == {0x0C}
    assert sum(granted) == total - remaining == total // 7 * 7
    assert allocations == len(granted)
