"""boards/CONFIG.md says what the firmware reads: the same keys as checks.py, and every key of the source."""

import re

from ports import FIRMWARE, ROOT

from meter import checks

PAGE = (ROOT / "boards" / "CONFIG.md").read_text()
_KINDS = {"text": "s", "number": "i", "list": "l", "structure": "d"}


def page():
    rows = re.findall(r"^\| `([\w.]+)` \| (\w+) \| (.+?) \| ", PAGE, re.M)
    return {key: _KINDS[kind] + "!" * (default == "must be there") for key, kind, default in rows}


def test_the_page_and_the_checks_know_the_same_keys():
    words = checks.KEYS.split()
    assert page() == dict(zip(words[::2], words[1::2], strict=True))


def test_every_key_that_is_read_is_there():
    text = "".join(path.read_text() for path in (FIRMWARE / "meter").rglob("*.py"))
    for name in ("config", "billing", "where"):
        prefix = {"config": "", "billing": "billing.", "where": "listen."}[name]
        for key in re.findall(r"\b(?:self\.|made\.|meter\.)?%s(?:\.get\(|\[)\"(\w+)\"" % name, text):
            known = [prefix + key]
            if name == "config":
                known.append("wifi." + key)  # wifi.py's own
            assert set(known) & set(page()), key


def test_defaults_are_those_of_the_source():
    text = "".join(path.read_text() for path in (FIRMWARE / "meter").rglob("*.py"))
    rows = re.findall(r"^\| `([\w.]+)` \| number \| (\d+) \|", PAGE, re.M)
    found = dict(re.findall(r"(?:config|given)\.get\(\"(\w+)\", (\d+)\)", text))
    assert len(rows) > 8
    for key, default in rows:
        if key != "watchdog":
            assert found[key.rpartition(".")[2]] == default, key
    assert "_WATCHDOG = const(8)" in text
