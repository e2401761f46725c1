"""The portable tests on the emulated boards: frozen firmware, a heap of 128 KiB, one fresh start a file.

What is left out is named here, with the reason. All else runs, on both cores.
"""

import re

import boardkit
import ports
import pytest

from tools.qemu import romfs

NO_HEAP = "takes more heap by itself than the board has"
LONG = "long, and the same on the 32-bit port"

# Files, and tests of files.
LEFT_OUT = {
    "test_arunner.py": "its world, with every signature of its own, takes a larger heap",
    "test_oasis.py": "its vectors are not in the project, and take more heap than the board has",
    "test_renewal.py": "as test_arunner.py; test_board_renewal.py and counting.py run the agent here",
}
LEFT_OUT_TESTS = {
    "test_aclient.py": {
        "test_an_end_after_every_byte": LONG,
    },
    "test_client.py": {
        "test_an_answer_beyond_64_kib": NO_HEAP,
        "test_batch_of_many": NO_HEAP,
        "test_a_failure_at_every_call": LONG,
        "test_an_end_after_every_byte": LONG,
        "test_mutated_answers_close_or_count": LONG,
    },
    "test_der.py": {"test_writing": NO_HEAP},
    "test_https.py": {
        "test_a_large_answer": NO_HEAP,
        "test_an_end_after_every_byte": LONG,
        "test_a_failure_at_every_call": LONG,
        "test_answers_that_are_damaged": LONG,
        "test_answers_that_are_right": LONG,
        "test_the_same_under_asyncio": LONG,
    },
    "test_attributes.py": {"test_mutated_bytes": LONG},
    "test_ops.py": {"test_mutated_answers_are_accepted_or_refused": LONG},
    "test_keywrap.py": {"test_lengths": NO_HEAP},
    "test_responder.py": {"test_every_byte_damaged": LONG},
    "test_message.py": {
        "test_header_in_any_order_is_read_right_or_refused": LONG,
        "test_item_fields_in_any_order_are_read_right_or_refused": LONG,
        "test_mutated_answers_are_accepted_or_refused": LONG,
        "test_request_has_an_item_and_not_too_many": NO_HEAP,
    },
    "test_p256.py": {
        "test_doubling_and_infinity_in_the_sum": LONG,
        "test_malformed_signatures": LONG,
    },
    "test_slots.py": {"test_too_long": NO_HEAP},
    "test_slots_flash.py": {
        "test_littlefs_new": LONG,
        "test_littlefs_provisioned": LONG,
        "test_littlefs_twice": LONG,
    },
    "test_verify.py": {"test_any_octet": LONG},
    "test_x509.py": {"test_every_octet_changed": LONG, "test_large_and_deep_ones": NO_HEAP},
}
FILES = sorted(path.name for path in ports.PORTABLE.glob("test_*.py") if path.name not in LEFT_OUT)

# run.py, with what is left out put in the tests' place.
RUN = """
import check
import ramdisk
ramdisk.memory = board.memory
name, left_out = %r, %r
module = __import__(name[:-3])
def leave_out(test, reason):
    if not hasattr(module, test):
        raise AttributeError("no test " + test)
    def skip():
        raise check.Skip(reason)
    setattr(module, test, skip)
for test in left_out:
    leave_out(test, left_out[test])
del module
import run
run.main([name])
"""


@pytest.fixture(scope="module")
def files():
    """The portable tests and what they read, as a board finds them below /rom."""
    made = romfs.modules(*ports.PORTABLE.glob("*.py"))
    made["certificates.txt"] = (ports.PORTABLE / "certificates.txt").read_bytes()
    # vectors.py goes to ../vectors from its own folder, and no file system resolves that here.
    made["../vectors/own.json"] = (ports.ROOT / "host_tests" / "vectors" / "own.json").read_bytes()
    return made


@pytest.mark.parametrize("name", FILES)
def test_portable(target, name, files):
    left_out = LEFT_OUT_TESTS.get(name, {})
    with boardkit.start(target, files) as board:
        output = board.run(RUN % (name, left_out), timeout=300)
    found = re.search(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", output, re.M)
    assert found and int(found[1]) and not int(found[2]), output
    # A renamed test is not left out unseen, and what skips itself has no business here.
    skipped = set(re.findall(r"^skipped \S+: (test_\w+):", output, re.M))
    assert skipped - ALLOWED_SKIPS == set(left_out), output


# Tests that skip themselves on a board: no FAT, no vectors beside the project.
ALLOWED_SKIPS = {
    "test_fat_deaf", "test_fat_full", "test_fat_new", "test_fat_provisioned_on_bare_flash", "test_fat_twice",
    "test_fat_writes_no_shared_sector", "test_oasis_messages_decode", "test_oasis_requests_byte_for_byte",
    "test_the_oasis_case",
}


def test_what_is_left_out_is_there():
    names = {path.name for path in ports.PORTABLE.glob("test_*.py")}
    assert set(LEFT_OUT) <= names and set(LEFT_OUT_TESTS) <= names


def test_the_memory_law_is_held_on_the_board(target, files):
    # That test_heap.py's locked heap is a real one here: its own proof that a broken law shows.
    with boardkit.start(target, files) as board:
        output = board.run("import micropython\nmicropython.heap_lock()\ntry:\n bytearray(1)\n"
                           "except MemoryError:\n print('locked')\nfinally:\n micropython.heap_unlock()")
    assert output.strip() == "locked"
