"""What a stranger's certificate leaves in a small heap. It is looked at before the handshake fails."""

import json

import kit
import ports
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tools.bytecode import compile_firmware

SIZE = 12000  # bytes of an extension; mbedTLS takes no more than 16384 in all
SCRIPT = """
import asyncio, gc, json
from identity.clock import Clock
from identity.slots import Identity
from meter.aworld import AWorld
from meter.world import World

class Anchors:
    server = [bytes.fromhex(job["anchor"])]

config = {"host": "127.0.0.1", "server_name": job["name"], "timeout": 10, "version": 14}
identity = Identity(bytes.fromhex(job["key"]), bytes.fromhex(job["cert"]))

async def awaited(step):
    return await step

for world in (World(config, Anchors, Clock(), None, None), AWorld(config, Anchors, Clock(), None)):
    for port in job["ports"]:
        config["port"] = port
        error = ""
        try:
            step = world.open(identity)
            if step is not None:
                asyncio.run(awaited(step))
        except OSError as failed:
            error = str(failed)
        if not error:
            World.close(world)
        gc.collect()
        print(json.dumps([error, gc.mem_alloc()]))
"""


def with_extension(size):
    """A server's identity that it has signed by itself."""
    made = kit.Identity(kit.NAME, dns=kit.NAME)
    builder = (
        x509.CertificateBuilder().subject_name(made.cert.subject).issuer_name(made.cert.subject)
        .public_key(made.key.public_key()).serial_number(1).not_valid_before(made.cert.not_valid_before_utc)
        .not_valid_after(made.cert.not_valid_after_utc)
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(size)), False))
    made.cert = builder.sign(made.key, hashes.SHA256())
    return made


@pytest.mark.parametrize("extension", [SIZE, 2 * SIZE])
def test_a_big_certificate_of_a_stranger_is_not_kept(pki, tmp_path, extension):
    port = ports.open_port("unix32")
    lib = compile_firmware(tmp_path / "lib")
    servers = [kit.Server(lambda sock: None, kit.server_context(identity, pki.ca))
               for identity in (pki.server, with_extension(extension))]
    with servers[0] as good, servers[1] as stranger:
        job = {"ports": [good.port, good.port, stranger.port, stranger.port, good.port], "name": kit.NAME,
               "anchor": pki.ca.der.hex(), "key": pki.client.key_der.hex(), "cert": pki.client.der.hex()}
        (tmp_path / "job.py").write_text("job = %r\n%s" % (job, SCRIPT))
        status, output = port.run(["-X", "heapsize=128k", tmp_path / "job.py"], path=(lib,), cwd=tmp_path)
    assert not status, output
    found = [json.loads(line) for line in output.splitlines()]
    for driver in (found[:5], found[5:]):
        assert [bool(error) for error, _ in driver] == [False, False, True, True, False], driver
        assert all(heap - driver[1][1] < 1500 for _, heap in driver[2:]), driver
