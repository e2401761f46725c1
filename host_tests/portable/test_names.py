"""Names for numbers. That the table is KMIP's is held by host_tests/test_name_tables.py."""

from kmip_lite.names import name, number


def test_names():
    for group, at, text in (
        ("Operation", 1, "Create"), ("Operation", 7, "Re-certify"), ("Operation", 0x3B, "Ping"),
        ("Object Type", 6, "Template"), ("State", 1, "Pre-Active"), ("State", 6, "Destroyed Compromised"),
        ("Result Status", 0, "Success"), ("Result Reason", 1, "Item Not Found"),
        ("Result Reason", 0x26, "Codec Error"), ("Result Reason", 0x28, "Illegal Object Type"),
        ("Result Reason", 0x100, "General Failure"), ("Link Type", 0x106, "Replacement Object Link"),
        ("Key Format Type", 5, "X.509"), ("Usage Limits Unit", 1, "Byte"),
    ):
        assert name(group, at) == text
        assert number(group, text) == at


def test_what_has_no_name():
    for group, at in (
        ("Operation", 0), ("Operation", 0x3C), ("Operation", -1), ("Operation", 0x80000001),
        ("Result Reason", 0x27), ("Result Reason", 0x4D), ("Result Reason", 0xFF), ("Link Type", 1),
        ("Shoe Size", 1), ("", 1), ("Reason", 1), ("State", 7),
    ):
        assert name(group, at) is None, (group, at)
    for group, text in (("State", "Asleep"), ("State", ""), ("Shoe Size", "Active"), ("Result Reason", "")):
        assert number(group, text) is None
