"""The demonstration with everything told that can be told: no output holds a key, in any spelling."""

import base64
import contextlib
import json
import re
import traceback
import types

import messages as m
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from ports import FIRMWARE, open_port

import kmip_lite.message
from kmip_lite.client import Client
from kmip_lite.ttlv import TTLVError
from tools import demo, provision
from tools.billing import Billing
from tools.kmipdump.__main__ import main as dump
from tools.refserver import Server, direct, init, ttlv
from tools.refserver.enums import Operation
from tools.refserver.tags import Tag as T

SEALING = bytes((at * 73 + 41) & 0xFF for at in range(32))
KNOWN = types.SimpleNamespace(token_bytes=lambda size: SEALING[:size])  # in the place of `secrets`
_PRIVATE = re.compile(b"\x02\x01\x01\x04\x20(.{32})", re.S)  # of an ECPrivateKey (SEC 1)


def spelled(secret):
    """A secret as an output could have it: whole numbers, and eight of its bytes in each spelling."""
    yield str(int.from_bytes(secret, "big"))
    yield str(int.from_bytes(secret, "little"))
    for at in range(0, len(secret) - 7, 4):
        part = secret[at:at + 8]
        yield part.hex()
        yield part.hex(" ")
        yield part.hex(":")
        yield repr(part)[2:-1]
        yield ", ".join(map(str, part))
        yield ", ".join(map(hex, part))
        # In base64 a byte's letters depend on where it stands: without the first and last, which mix.
        for before in range(3):
            text = base64.b64encode(bytes(before) + part).decode()[4 if before else 0:10]
            yield text
            yield text.replace("+", "-").replace("/", "_")


def betrayed(text, secrets):
    text = re.sub(r"\s*\n\s*", "", text).lower()
    return [form for secret in secrets for form in spelled(secret) if form.lower() in text]


def test_the_search_finds_what_there_is():
    for text in (SEALING.hex(), SEALING.hex().upper(), repr(SEALING), repr(list(SEALING)),
                 repr(bytearray(SEALING)),
                 base64.b64encode(SEALING).decode(), base64.b64encode(b"x" + SEALING).decode(),
                 base64.urlsafe_b64encode(b"xy" + SEALING).decode(), str(int.from_bytes(SEALING, "big"))):
        assert betrayed("a line\n" + text[:20] + "\n   " + text[20:], [SEALING]), text
    assert not betrayed("nothing of the kind " * 1000, [SEALING])


class Told:
    """What the servers log, the messages that they exchange, and the private keys of their meters."""

    def __init__(self):
        self.lines, self.messages, self.keys = [], [], set()

    def server(self, state):
        made = Server(state, verbose=2, log=self.lines.append)
        real = made.engine.process

        def process(data, identity):
            outcome = real(data, identity)
            self.messages.extend((bytes(data), outcome.response))
            return outcome

        made.engine.process = process
        return made

    def billing(self, engine, keys):
        told = self

        class Keeping(Billing):
            def __exit__(self, *exc):
                super().__exit__(*exc)
                for path in engine.folder.parent.rglob("*"):
                    if path.is_file() and engine.folder not in path.parents:
                        told.keys.update(_PRIVATE.findall(path.read_bytes()))

        return Keeping(engine, keys, log=self.lines.append)

    def look(self, output, tmp_path, capfd):
        secrets = [SEALING[:16], *self.keys]
        assert any(SEALING[:16] in message for message in self.messages)
        assert "GET ok" in "".join(self.lines) and "report 1" in "".join(self.lines)
        assert betrayed(output, secrets) == []
        assert betrayed("\n".join(self.lines), secrets) == []
        path = tmp_path / "messages"
        path.write_bytes(b"".join(self.messages))
        for options in ([], ["--full"], ["--offsets"], ["--xml"]):
            dump([str(path), *options])
            assert betrayed("".join(capfd.readouterr()), secrets) == [], options
        dump([str(path), "--secrets"])
        assert betrayed("".join(capfd.readouterr()), secrets[:1])


def test_a_meter_and_its_servers_tell_no_secret(monkeypatch, tmp_path, capfd):
    """A renewal and a new key, with every line and event that there is."""
    port = open_port("unix32")
    monkeypatch.setattr(provision, "secrets", KNOWN)
    told = Told()
    init(tmp_path / "state", life=600)
    config = provision.provision(tmp_path / "state", "meter-0001", tmp_path / "meter-0001")
    lines = []
    with told.server(tmp_path / "state") as server, \
            told.billing(server.engine, {"meter-0001": config["key_uid"]}) as billing:
        config.update(
            port=server.port, report_every=1,
            billing={"host": "127.0.0.1", "port": billing.port, "name": "localhost", "path": "/reports"},
            renewal={"retry_first": 1, "window": 0, "max_age": 2, "rotate_after": 1})
        (tmp_path / "meter-0001" / provision.CONFIG).write_text(json.dumps(config))
        process = port.start(
            ["-c", "from meter.main import main; main(%r, 90, True)" % str(tmp_path / "meter-0001")],
            path=[FIRMWARE])
        for line in process.stdout:
            lines.append(line)
            if "".join(lines).count("TRIAL -> STABLE (proved)") == 2:
                break
        process.kill()
        process.communicate()
    assert "".join(lines).count("TRIAL -> STABLE (proved)") == 2, lines
    assert len(told.keys) == 2  # provisioned, and the new one
    told.look("".join(lines), tmp_path, capfd)


@pytest.mark.long
def test_the_demonstration_tells_no_secret(monkeypatch, tmp_path, capfd):
    told = Told()
    monkeypatch.setattr(provision, "secrets", KNOWN)
    monkeypatch.setattr(demo, "Server", told.server)
    monkeypatch.setattr(demo, "Billing", told.billing)
    assert demo.main(["-v"]) == 0
    assert len(told.keys) >= 3  # provisioned, rotated, enrolled
    told.look("".join(capfd.readouterr()), tmp_path, capfd)


def test_a_defect_of_the_server_tells_no_secret(tmp_path):
    """Tracebacks hold no values, nor do the names that objects print of themselves."""
    lines = []
    init(tmp_path / "state")
    with Server(tmp_path / "state", verbose=2, log=lines.append) as server:
        engine = server.engine
        caller = direct.Direct(engine, engine.add_device("meter-0001"))
        key = direct.key_object(T.SYMMETRIC_KEY, 1, SEALING, 3, 256)
        uid = caller.register(2, key, direct.attribute("Cryptographic Usage Mask", ttlv.integer(T.STATE, 4)))
        real = engine.operations[Operation.GET]

        class Broken:
            FIELDS, WRITES = real.FIELDS, real.WRITES

            @staticmethod
            def run(context, request):
                managed = context.find(request.unique_identifier)
                lines.extend(map(repr, (context, request, managed, managed.material, managed.attributes,
                                        engine, engine.vault, engine.store, caller, caller.identity)))
                return real.run(context, request) + [managed.material.value[0].value[0].value / 0]

        engine.operations[Operation.GET] = Broken
        item = caller.send((Operation.GET, [ttlv.text(T.UNIQUE_IDENTIFIER, uid)])).find(T.BATCH_ITEM)
        assert item.find(T.RESULT_MESSAGE).value == "the server failed internally"
        with contextlib.suppress(ValueError), engine.store.transaction() as txn:
            txn._db.execute("UPDATE objects SET material = x'01' || material")
        engine.operations[Operation.GET] = real
        caller.send((Operation.GET, [ttlv.text(T.UNIQUE_IDENTIFIER, uid)]))
    assert any("Traceback" in line for line in lines)
    assert betrayed("\n".join(lines), [SEALING]) == []


class Bytes:
    """A stream that has an answer ready."""

    def __init__(self, data):
        self.data = data

    def write(self, data):
        return len(data)

    def readinto(self, buf):
        part, self.data = self.data[:len(buf)], self.data[len(buf):]
        buf[:len(part)] = part
        return len(part)

    def close(self):
        pass


def test_the_clients_errors_tell_no_secret():
    """Answers with a key in them that are cut, or have one byte changed, anywhere: whatever is raised."""
    good = m.success(m.GET, *m.got_key(value=SEALING))
    told, failed = [], 0
    for at in range(len(good)):
        for bad in (good[:at], good[:at] + bytes([good[at] ^ 0x11]) + good[at + 1:]):
            client = Client(Bytes(bad))
            try:
                told.append(repr(client.get("id-1")))
            except (TTLVError, OSError, kmip_lite.message.KmipError) as error:
                failed += 1
                told += [str(error), repr(error), traceback.format_exc()]
            told.append(repr(client))
    assert failed > 200
    assert betrayed("\n".join(told), [SEALING]) == []


def test_provisioning_tells_no_secret(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(provision, "secrets", KNOWN)
    init(tmp_path / "state")
    for options in ([], ["--key-bits", "256"]):  # the second finds the device there already
        provision.main(["--state", str(tmp_path / "state"), "--device", "meter-0001", "--out",
                        str(tmp_path / ("meter%d" % len(options))), *options])
    key = serialization.load_der_private_key((tmp_path / "meter0" / "key.der").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    secrets = [SEALING[:16], key.private_numbers().private_value.to_bytes(32, "big")]
    assert betrayed("".join(capfd.readouterr()), secrets) == []
    # Nor is the sealing key in the meter's folder: it comes by Get, each time.
    for path in (tmp_path / "meter0").rglob("*"):
        assert SEALING[:16] not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0
