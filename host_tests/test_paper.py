"""The tables of what the white paper names cannot lie: a missing file, or one that no test uses, shows."""

import pytest

from tools import kmip_table, paper


def test_the_paper_is_all_there():
    assert paper.operations().count("\n") == len(paper.OPERATIONS) + 1
    table = paper.objects()
    for name in ("Split Key", "Template", *paper.ATTRIBUTES):
        assert "| %s |" % name in table
    assert (len([row for row in paper.OPERATIONS if row[3]]), len(paper.ATTRIBUTES)) == (28, 31)


def test_the_numbers_are_kmips():
    codes = kmip_table.loads(paper.TABLE.read_text(encoding="utf-8"))["Operation"]
    assert {name for name, _, _, _ in paper.OPERATIONS} <= set(codes)


def test_what_is_missing_shows(monkeypatch):
    monkeypatch.setattr(paper, "OPERATIONS", (("Create Split Key", "ops/create_split_key", 12, 2),))
    with pytest.raises(LookupError, match="no file"):
        paper.operations()
    monkeypatch.setattr(paper, "OPERATIONS", (("Get", "ops/get", 10, 2),))
    monkeypatch.setattr(paper, "_used", lambda: {"client/test_x.py": ({"get"}, set())})
    with pytest.raises(LookupError, match="portable"):
        paper.operations()
    monkeypatch.setattr(paper, "OBJECTS", (("Nothing of This Name", "get", "register"),))
    with pytest.raises(LookupError, match="no test"):
        paper.objects()
