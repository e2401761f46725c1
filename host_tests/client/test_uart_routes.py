"""tools/uartbridge with several servers: each connection goes to the one that the device names."""

import socket
import ssl
import subprocess
import sys

import pytest

from tools.steps import ROOT
from tools.uartbridge import Bridge, server_name


def hello(name):
    """The first record of a TLS client that wants `name`."""
    out = ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname = name is not None
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


def test_the_name_in_a_client_hello():
    assert server_name(hello("kmip.example")) == "kmip.example"
    assert server_name(hello(None)) == ""
    record = hello("a" * 60 + ".example")
    for size in range(len(record)):
        assert server_name(record[:size]) in ("", *["a" * 60 + ".example"[:n] for n in range(9)],
                                              *["a" * n for n in range(60)])


@pytest.mark.parametrize("size", [1, 7, 100, 4096])
def test_each_to_its_own_server(size):
    with socket.create_server(("127.0.0.1", 0)) as kmip, socket.create_server(("127.0.0.1", 0)) as billing:
        logged = []
        routes = {"kmip.example": kmip.getsockname(), "billing.example": billing.getsockname()}
        with Bridge("listen:127.0.0.1:0", routes, log=logged.append) as bridge, \
                socket.create_connection(bridge.address) as line:
            for name, server in (("billing.example", billing), ("kmip.example", kmip),
                                 ("billing.example", billing)):
                record = hello(name)
                for at in range(0, len(record), size):
                    line.sendall(record[at : at + size])
                server.settimeout(10)
                far = server.accept()[0]
                far.settimeout(10)
                with far:
                    got = b""
                    while len(got) < len(record):
                        got += far.recv(4096)
                assert got == record
            line.sendall(hello("elsewhere.example") + b"more")
            line.sendall(hello("kmip.example"))
            kmip.accept()[0].close()
    assert bridge.connections == 4
    assert "the device asks for elsewhere.example" in "".join(logged)


def test_several_servers_need_names():
    done = subprocess.run(
        [sys.executable, "-m", "tools.uartbridge", "--line", "listen:127.0.0.1:0", "--to", "127.0.0.1:1",
         "--to", "b.example=127.0.0.1:2"], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and "told apart by their names" in done.stderr
