"""Encryption at rest, its key, and the look at the store before it is served."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization as ser
from serverkit import ROOT, Clock, Wire, der_to_pem, make_engine
from test_server_store import allocate, limited_key, serve
from test_server_trace import OBJECTS, RAW, secrets_of

from tools.provision import provision
from tools.refserver import Engine, Server, direct, init, ttlv, vault
from tools.refserver.check import check
from tools.refserver.direct import attribute, name_item, template
from tools.refserver.enums import ObjectType, Operation
from tools.refserver.enums import ResultReason as R
from tools.refserver.migration import migrate
from tools.refserver.pending_rows import pending_label
from tools.refserver.store import object_label
from tools.refserver.tags import Tag as T

MASK = attribute("Cryptographic Usage Mask", ttlv.integer(T.STATE, 1))
KEY = "ab" * 32


def cli(*arguments, key=None, **more):
    env = {name: value for name, value in os.environ.items() if name != vault.VARIABLE}
    if key is not None:
        env[vault.VARIABLE] = key
    return subprocess.run([sys.executable, "-m", "tools.refserver", *map(str, arguments)], cwd=ROOT, env=env,
                          capture_output=True, text=True, timeout=60, check=False, **more)


def one_line(done, *words):
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


def found(folder, secrets):
    """The files of a folder in which one of the secrets is, as it is or in hexadecimal."""
    forms = [form for secret in secrets
             for form in (secret, secret.hex().encode(), secret.hex().upper().encode())]
    return [path.name for path in folder.iterdir() if any(form in path.read_bytes() for form in forms)]


def fill(caller):
    """An object of each kind and a pending request that holds one; their secrets, the UIDs."""
    secrets, uids = [], []
    for kind, item, of_it in OBJECTS.values():
        mask = [] if kind == ObjectType.OPAQUE_OBJECT else [MASK]
        uids.append(caller.register(kind, item, *mask))
        secrets += of_it
    caller.engine.pending.set(Operation.REGISTER, "forever")
    kind, item, _ = OBJECTS["raw"]
    caller.offer(Operation.REGISTER, ttlv.enumeration(T.OBJECT_TYPE, kind), template(MASK), item)
    caller.engine.pending.set(Operation.REGISTER, "never")
    caller.engine.pending.set(Operation.GET, "always")  # the answer of one that is done holds a key as well
    value = caller.offer(Operation.GET, ttlv.text(T.UNIQUE_IDENTIFIER, uids[0])).find(
        T.ASYNCHRONOUS_CORRELATION_VALUE).value
    caller.poll(value)
    caller.engine.pending.set(Operation.GET, "never")
    return secrets, uids


def test_no_key_material_in_the_files(tmp_path):
    state = tmp_path / "state"
    engine, caller = make_engine(state)
    secrets, uids = fill(caller)
    assert len((state / "objects.db-wal").read_bytes()) > 10000  # not yet in the database
    assert found(state, secrets) == []
    for uid in uids:
        caller.call(Operation.DESTROY, ttlv.text(T.UNIQUE_IDENTIFIER, uid))
    engine.close()
    assert not (state / "objects.db-wal").exists()
    assert found(state, secrets) == []
    for authority in ("server-ca", "meter-ca", "server"):
        path = state / (authority + ".key")
        assert b"BEGIN ENCRYPTED PRIVATE KEY" in path.read_bytes()
        assert found(state, secrets_of(engine.vault.load_pem(path))) == []
    for path in state.glob("*"):
        if path.suffix == ".key" or path.name == "vault":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((tmp_path / "state.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_material_is_bound_to_its_object(tmp_path):
    """Another's key, or one's own as another type, put where an object's own is looked for."""
    engine, caller = make_engine(tmp_path / "state", Clock())
    engine.unexpected = lambda error: None
    first, second = (caller.register(ObjectType.SYMMETRIC_KEY, OBJECTS["raw"][1], MASK) for _ in range(2))
    with engine.store.transaction() as txn:
        txn._db.execute("UPDATE objects SET material = (SELECT material FROM objects WHERE uid = ?)"
                        " WHERE uid = ?", (second, first))
    item = caller.send((Operation.GET, [ttlv.text(T.UNIQUE_IDENTIFIER, first)])).find(T.BATCH_ITEM)
    assert item.find(T.RESULT_REASON).value == R.GENERAL_FAILURE
    sealed = engine.vault.seal(object_label("a", 2), b"key")
    assert engine.vault.open(object_label("a", 2), sealed) == b"key"
    for label in (object_label("b", 2), object_label("a", 4), pending_label(b"a", "payload")):
        with pytest.raises(ValueError, match="moved"):
            engine.vault.open(label, sealed)
    for position in range(1, len(sealed)):
        damaged = bytearray(sealed)
        damaged[position] ^= 1
        with pytest.raises(ValueError, match="damaged"):
            engine.vault.open(object_label("a", 2), bytes(damaged))
    assert engine.vault.seal("a", b"key") != engine.vault.seal("a", b"key")  # a nonce each


def test_where_the_key_comes_from(tmp_path):
    state = tmp_path / "state"
    assert cli("init", "--dir", state, key=KEY).returncode == 0
    assert not (tmp_path / "state.key").exists()
    one_line(cli("check", "--dir", state), "no store key", "KMIP_STORE_KEY")
    one_line(cli("check", "--dir", state, key=KEY.replace("a", "c")), "does not open")
    one_line(cli("check", "--dir", state, key=KEY[:-2]), "KMIP_STORE_KEY", "64 hexadecimal digits")
    assert cli("check", "--dir", state, key=KEY).returncode == 0
    assert cli("check", "--dir", state, "--key-file", "-", input=KEY + "\n").returncode == 0
    path = tmp_path / "elsewhere"
    path.write_text(KEY)
    os.chmod(path, 0o640)
    one_line(cli("check", "--dir", state, "--key-file", path), "chmod 600")
    os.chmod(path, 0o600)
    assert cli("check", "--dir", state, "--key-file", path).returncode == 0
    path.write_text("no key")
    one_line(cli("serve", "--dir", state, "--key-file", path), "elsewhere", "64 hexadecimal digits")
    one_line(cli("serve", "--dir", tmp_path / "nothing"), "nothing")


def test_a_new_store_key(tmp_path):
    """The old one opens the folder no more; a server that runs goes on; cut off anywhere, one key does it."""
    state, path = tmp_path / "state", tmp_path / "state.key"
    caller = make_engine(state)[1]
    uid = caller.register(ObjectType.SYMMETRIC_KEY, OBJECTS["raw"][1], MASK)
    old = path.read_text()
    assert cli("rotate", "--dir", state).returncode == 0
    assert path.read_text() != old and stat.S_IMODE(path.stat().st_mode) == 0o600
    caller.call(Operation.GET, ttlv.text(T.UNIQUE_IDENTIFIER, uid))
    one_line(cli("check", "--dir", state, key=old.strip()), "does not open")
    assert cli("check", "--dir", state).returncode == 0
    # Cut off behind the new key's file, and behind the new vault.
    before, wrapped = path.read_text(), (state / "vault").read_text()
    vault.write_key(tmp_path / "state.key.new", bytes(32))
    assert Engine(state).vault and path.read_text() == before
    vault.rotate(state)
    after, rewrapped = path.read_text(), (state / "vault").read_text()
    assert rewrapped != wrapped
    vault.write_key(path, bytes.fromhex(before))
    vault.write_key(tmp_path / "state.key.new", bytes.fromhex(after))
    Engine(state).close()
    assert path.read_text() == after and not (tmp_path / "state.key.new").exists()
    # Out of the environment into a file.
    one_line(cli("rotate", "--dir", state, key=after.strip()), "--new-key-file")
    new = tmp_path / "new"
    assert cli("rotate", "--dir", state, "--new-key-file", new, key=after.strip()).returncode == 0
    assert cli("check", "--dir", state, "--key-file", new).returncode == 0


def plain(state):
    """Make the folder what it was before material was encrypted."""
    opened = vault.load(state)
    database = sqlite3.connect(state / "objects.db")
    for uid, kind, sealed in database.execute("SELECT uid, object_type, material FROM objects").fetchall():
        if sealed is not None:
            database.execute("UPDATE objects SET material = ? WHERE uid = ?", (
                opened.open(object_label(uid, kind), sealed), uid))
    for part in ("payload", "answer"):
        for value, sealed in database.execute("SELECT correlation, %s FROM pending" % part).fetchall():
            if sealed is not None:
                database.execute("UPDATE pending SET %s = ? WHERE correlation = ?" % part, (
                    opened.open(pending_label(value, part), sealed), value))
    database.commit()
    database.close()
    for path in state.glob("*.key"):
        path.write_bytes(opened.load_pem(path).private_bytes(
            ser.Encoding.PEM, ser.PrivateFormat.TraditionalOpenSSL, ser.NoEncryption()))
    (state / "vault").unlink()
    (state.with_name("state.key")).unlink()


def test_a_folder_of_before(tmp_path):
    state = tmp_path / "state"
    init(state)
    provision(state, "meter-0001", tmp_path / "meter")
    engine, caller = make_engine(state)
    secrets, uids = fill(caller)
    engine.close()
    plain(state)
    assert found(state, secrets) == ["objects.db"]
    for command in (["serve"], ["check"], ["revoke", "--device", "meter-0001"], ["reissue"]):
        one_line(cli(*command, "--dir", state), "not encrypted yet", "refserver migrate --dir")
    # Cut off before anything was sealed, and behind the objects.
    vault.create(state)
    one_line(cli("check", "--dir", state), "not encrypted")
    done = cli("migrate", "--dir", state)
    assert done.stdout == "%d objects encrypted\n" % (len(uids) + 3), (done.stdout, done.stderr)
    assert found(state, secrets) == []
    assert migrate(state) == 0  # and again: there is nothing to do
    process, port = serve(state, tmp_path)
    with Wire(port, der_to_pem(tmp_path / "meter")) as wire:
        block = direct.payload_of(wire.call(Operation.GET, ttlv.text(T.UNIQUE_IDENTIFIER, uids[0]))).find(
            T.SYMMETRIC_KEY).find(T.KEY_BLOCK)
        assert block.find(T.KEY_VALUE).find(T.KEY_MATERIAL).value == RAW
    process.terminate()
    process.communicate(timeout=20)


DAMAGES = {
    "a Link that leads nowhere": ("DELETE FROM names; DELETE FROM certificates; DELETE FROM attributes WHERE"
                                  " uid IN (SELECT uid FROM objects WHERE object_type = 1);"
                                  "DELETE FROM objects WHERE object_type = 1", "a Link of object"),
    "more left than there was": ("UPDATE usage_limits SET remaining = total + 1", "ledger"),
    "allocations and nothing used": ("UPDATE usage_limits SET remaining = total", "ledger"),
    "used and no allocation": ("UPDATE usage_limits SET allocations = 0", "ledger"),
    "a Name that nobody bears": ("UPDATE names SET value = value || 'x'", "Names"),
    "a Name that is not reserved": ("DELETE FROM names", "Names"),
    "an attribute that is none": ("UPDATE attributes SET value = x'42' WHERE name = 'Initial Date'",
                                  "damaged"),
    "attributes of nobody": ("UPDATE attributes SET uid = 'nobody' WHERE name = 'Digest' AND uid ="
                             " (SELECT uid FROM objects WHERE object_type = 2)", "belongs to no object"),
    "material cut short": ("UPDATE objects SET material = substr(material, 1, 20) WHERE object_type = 2",
                           "damaged"),
    "material in the clear": ("UPDATE objects SET material = x'4200080100000000' WHERE object_type = 2",
                              "not encrypted"),
    "no table": ("DROP TABLE usage_limits", "lacks the table usage_limits"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A state folder that is whole, with a certificate, its key and a ledger."""
    folder = tmp_path_factory.mktemp("whole")
    init(folder / "state")
    provision(folder / "state", "meter-0001", folder / "meter")
    engine = Engine(folder / "state")
    caller = direct.Direct(engine, engine.identify("meter-0001"))
    allocate(caller, limited_key(caller, 100, 0x84, attribute("Name", name_item("limited"))), 10)
    assert check(engine.store) == 4
    engine.close()
    return folder


def copied(whole, tmp_path):
    shutil.copytree(whole / "state", tmp_path / "state")
    shutil.copy(whole / "state.key", tmp_path / "state.key")
    return tmp_path / "state"


@pytest.mark.parametrize("statements, said", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_store_is_not_served(whole, tmp_path, statements, said):
    state = copied(whole, tmp_path)
    Server(state).engine.close()
    database = sqlite3.connect(state / "objects.db")
    database.executescript("PRAGMA ignore_check_constraints=ON;" + statements)
    database.close()
    with pytest.raises(ValueError, match=said):
        Server(state)


@pytest.mark.parametrize("where", [0, 16, 100, "half", "none", "empty"])
def test_a_damaged_file_is_not_served(whole, tmp_path, where):
    state = copied(whole, tmp_path)
    path = state / "objects.db"
    data = bytearray(path.read_bytes())
    if where == "half":
        data = data[: len(data) // 2 // 4096 * 4096]
    elif where == "empty":
        data = b""
    elif where != "none":
        data[where:where + 8] = b"\xff" * 8
    path.unlink() if where == "none" else path.write_bytes(data)
    one_line(cli("serve", "--dir", state, "--listen", "127.0.0.1:0"), "objects.db")
