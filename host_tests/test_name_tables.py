"""The tables of names and attributes in firmware/ are those of tools/kmip_table.json and cannot drift."""

import re
from pathlib import Path

from kmip_lite import attributes, keywrap, objects
from kmip_lite import names as firmware
from tools import check_consts, kmip_table, names

NUMBERS = kmip_table.loads(check_consts.TABLE.read_text())
TAGS = {number: name for name, number in NUMBERS["Tag"].items()}


def test_the_file_is_what_the_tool_makes():
    text = names.TARGET.read_text()
    assert names.render(text, NUMBERS) == text
    assert names.render(text.replace("Pre-Active", "Preactive"), NUMBERS) == text


def test_every_name_both_ways():
    for group in names.GROUPS:
        for name, number in NUMBERS[group].items():
            assert firmware.number(group, name) == number, name
            assert firmware.name(group, number) == name
    missing = [number for number in range(0x400) if number not in NUMBERS["Result Reason"].values()]
    assert not [number for number in missing if firmware.name("Result Reason", number)]


def test_runs():
    assert names.lines({"a": 1, "b": 3, "c": 40}) == [(1, ["a", "", "b"]), (40, ["c"])]
    assert names.lines({"old": 1, "newer": 1, "b": 2}) == [(1, ["old", "b"])]


def test_attributes_have_their_own_tags():
    rows = [line.partition("=") for line in attributes._TABLE.strip().split("\n")]
    assert len(rows) > 50
    for name, _, words in rows:
        assert TAGS[0x420000 | int(words[:3], 16)] == name


def test_patterns_name_tags_and_types_that_there_are():
    known = set(NUMBERS["Item Type"].values()) | {0}
    patterns = [line.partition("=")[2] for line in attributes._TABLE.strip().split("\n")]
    for module in (attributes, objects, keywrap):
        source = Path(module.__file__).read_text(encoding="utf-8")
        patterns += re.findall(r'"((?:[0-9A-F]{4}[o*b-f-]*)(?: [0-9A-F]{4}[o*b-f-]*)*)"', source)
    words = " ".join(patterns).split()
    assert len(words) > 150
    for word in words:
        assert (0x420000 | int(word[:3], 16)) in TAGS, word
        assert int(word[3], 16) in known, word
        assert set(word[4:]) <= set("o*bcdef-"), word
