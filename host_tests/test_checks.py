"""The checkers of tools/ hold the project as it is, and each of their rules can fail."""

import re

import pytest

from tools import check_consts, check_laws, kmip_table
from tools.steps import ROOT

NUMBERS = check_consts.index(kmip_table.loads(check_consts.TABLE.read_text()))
NOTES = [ROOT.parent / "shared" / name for name in ("KMIP.md", "KMIP-MORE.md")]


def test_the_project_keeps_the_laws():
    assert check_laws.check_all(ROOT) == []


def test_the_constants_are_right():
    assert check_consts.check_all(ROOT / "firmware", check_consts.TABLE) == []


# Why, the file of firmware/ it stands in, and the source.
BROKEN = (
    ("may not import", "kmip_lite/client.py", "import identity.x509"),
    ("may not import", "kmip_lite/client.py", "from identity import x509"),
    ("may not import", "identity/x509.py", "def f():\n    import meter.main"),
    ("may not import", "kmip_lite/ttlv.py", "from kmip_lite.fields import write_uid"),
    ("may not import", "kmip_lite/fields.py", "from kmip_lite.message import KmipError"),
    ("may not import", "kmip_lite/ops/get.py", "from kmip_lite.message import KmipError"),
    ("may not import", "kmip_lite/ops/get.py", "from kmip_lite import client"),
    ("may not import", "kmip_lite/client.py", "def f(name):\n    __import__('identity.' + name)"),
    ("ttlv knows no tag", "kmip_lite/ttlv.py", "_TAG_NAME = const(1)"),
    ("ttlv knows no tag", "kmip_lite/ttlv.py", "def f(d):\n    return d.tag == 0x420053"),
    ("no file system", "kmip_lite/client.py", "def f():\n    return open('key')"),
    ("knows no os", "kmip_lite/client.py", "import os"),
    ("knows no machine", "kmip_lite/client.py", "from machine import reset"),
    ("no module typing", "meter/main.py", "from typing import Any"),
    ("no module dataclasses", "meter/main.py", "import dataclasses"),
    ("no module pathlib", "meter/main.py", "import pathlib"),
    ("not on every board", "meter/main.py", "from micropython import heap_locked"),
    ("not on every board", "meter/main.py", "import micropython\ndef f():\n    micropython.mem_peak()"),
    ("is private", "identity/x509.py", "from kmip_lite.ttlv import _STRUCTURE"),
    ("relative import", "identity/x509.py", "from . import der"),
    ("import *", "identity/x509.py", "from identity.der import *"),
    ("assert", "meter/main.py", "def f(x):\n    assert x"),
    ("bare except", "meter/main.py", "def f():\n    try:\n        pass\n    except:\n        pass"),
    ("bare except", "meter/main.py", "try:\n    f()\nexcept BaseException:\n    pass"),
    ("f-string", "meter/main.py", "def f(x):\n    return f'{x}'"),
    ("async with", "meter/meter.py", "async def f(x):\n    async with x:\n        pass"),
    ("annotation", "meter/main.py", "def f(x: int):\n    return x"),
    ("annotation", "meter/main.py", "def f() -> int:\n    return 1"),
    ("annotation", "meter/main.py", "def f():\n    x: int = 1"),
    ("work at import", "meter/main.py", "f()"),
    ("work at import", "meter/main.py", "X = bytearray(4)"),
    ("work at import", "meter/main.py", "X = {}"),
    ("work at import", "meter/main.py", "X = [1, 2]"),
    ("work at import", "meter/main.py", "try:\n    import os\nexcept ImportError:\n    os = None"),
    ("work at import", "meter/main.py", "for x in (1, 2):\n    pass"),
    ("work at import", "meter/main.py", "_X = const(f(1))"),
    ("work at import", "meter/main.py", "@cached\ndef f():\n    pass"),
    ("work at import", "meter/main.py", "class A:\n    x = bytearray(4)"),
    ("const in a class", "meter/main.py", "class A:\n    _X = const(4)"),
    ("costs RAM", "meter/main.py", "X = const(4)"),
)


@pytest.mark.parametrize("why, path, source", BROKEN)
def test_a_broken_law_shows(why, path, source):
    errors = check_laws.check_firmware(path, source)
    assert any(why in message for _, message in errors), errors


SOUND = '''"""A docstring."""

import sys
from errno import ETIMEDOUT

import tls
from micropython import const, viper

from kmip_lite.ops.certify import write_certificate_request
from kmip_lite.ttlv import Decoder

_A = const(1 << 4)
_B = const(b"\\x00")
OP = 0x0A
ROWS = ((1, -2, "x"), (_A, None, Decoder))


class Error(OSError):
    """An error."""

    limit = 4

    @property
    def x(self):
        return [1, {}]


@viper
def f(x=()):
    try:
        import meter.main
    except (OSError, ImportError):
        pass
'''


def test_what_is_sound_passes():
    assert check_laws.check_firmware("meter/main.py", SOUND) == []
    assert "work at import" in str(check_laws.check_firmware("meter/main.py", SOUND + "\nf()\n"))


# Written in two parts, so that this file passes the check itself.
TEXTS = (
    ("host outside", "pip install -i https:/" + "/registry.somewhere.dev/simple x"),
    ("host outside", "http:/" + "/10.1" + ".2.3:8080/pypi"),
    ("host outside", "deb https:/" + "/mirror.somewhere.org/debian trixie main"),
    ("private network", "index 192.168" + ".7.9"),
    ("private network", "host 172.20" + ".0.1 port 1"),
    ("private network", "see pypi.build" + ".internal/simple"),
    ("somebody's machine", "cd /" + "home/anna/kmip"),
    ("somebody's machine", "open('/" + "tmp/x.log')"),
    ("somebody's machine", "(/" + "Users/anna/x)"),
    ("somebody's machine", "PATH=/" + "srv/tool/bin"),
    ("somebody's machine", "at file://" + "/da" + "ta/x"),
    ("somebody's machine", "x at:/" + "somewhere/clone/x"),
)


@pytest.mark.parametrize("why, line", TEXTS)
def test_an_address_or_a_path_shows(why, line):
    errors = check_laws.check_text("fine\n" + line + "\n", ["/" + "somewhere/clone/"])
    assert any(number == 2 and why in message for number, message in errors)
    assert not any(number == 1 for number, _ in errors)


@pytest.mark.parametrize(
    "line",
    (
        "https://docs.micropython.org/en/latest/ and http://127.0.0.1:5696/kmip, https://%s:%d/",
        "#!/usr/bin/env python3 < /dev/null; cat /proc/cpuinfo, /flash/slots",
        "OID 1.2.840.10045.3.1.7 and 2.5.29.15; version 1.10.2.3, 110.20.3.4",
        "Certify/Re-certify, a/b/c, ../shared/KMIP.md, application/octet-stream, a / b",
    ),
)
def test_what_any_machine_has_passes(line):
    assert check_laws.check_text(line, ["/" + "somewhere/clone/"]) == []


CONSTANTS = (
    ("_TAG_KEY_BLOCK", "kmip_lite/fields.py", "_TAG_KEY_BLOCK = const(0x420041)"),
    ("_TAG_KEY_BLOCK", "kmip_lite/fields.py", "_TAG_KEY_BLOCK = 0x420041"),
    ("_TAG_NOVELTY", "meter/main.py", "_TAG_NOVELTY = const(0x420041)"),
    ("_TAG_KEY_BLOCK", "meter/main.py", "_TAG_KEY_BLOCK = const(1 << 4)"),
    ("looks like a tag", "meter/main.py", "_KEY_BLOCK = const(0x420040)"),
    ("looks like a tag", "meter/main.py", "def f(e):\n    e.begin(0x420040)"),
    ("looks like a tag", "identity/x509.py", "X = ((1, 0x420053),)"),
    ("_STATUS_SUCCESS", "kmip_lite/message.py", "_STATUS_SUCCESS = const(1)"),
    ("_REASON_INVALID_FIELD", "kmip_lite/message.py", "_REASON_INVALID_FIELD = const(8)"),
    ("_OBJECT_SECRET_DATA", "kmip_lite/ops/get.py", "_OBJECT_SECRET_DATA = const(6)"),
    ("_FORMAT_RAW", "kmip_lite/ops/get.py", "_FORMAT_RAW = const(2)"),
    ("_LINK_REPLACEMENT_OBJECT_LINK", "kmip_lite/x.py", "_LINK_REPLACEMENT_OBJECT_LINK = const(0x107)"),
    ("_REQUEST_PKCS10", "kmip_lite/ops/certify.py", "_REQUEST_PKCS10 = const(1)"),
    ("_QUERY_OBJECTS", "kmip_lite/ops/query.py", "_QUERY_OBJECTS = const(1)"),
    ("_METHOD_ENCRYPT", "kmip_lite/keywrap.py", "_METHOD_ENCRYPT = const(2)"),
    ("_MODE_NISTKEYWRAP", "kmip_lite/keywrap.py", "_MODE_NISTKEYWRAP = const(0x0C)"),
    ("_ENCODING_NO_ENCODING", "kmip_lite/keywrap.py", "_ENCODING_NO_ENCODING = const(2)"),
    ("_OP_POLL", "kmip_lite/client.py", "_OP_POLL = const(0x19)"),
    ("_TEXT_STRING", "kmip_lite/ttlv.py", "_TEXT_STRING = const(8)"),
    ("OP", "kmip_lite/ops/recertify.py", "OP = 0x06"),
    ("OP", "kmip_lite/ops/novelty.py", "OP = 0x06"),
    ("_TAGS", "kmip_lite/ops/get.py", "_TAGS = b'\\x00\\x13\\x8f\\x6d\\x64\\x00\\x00\\x85\\x5c'"),
    ("_TAGS", "kmip_lite/ops/get.py", "_TAGS = b'\\x13'"),
)


@pytest.mark.parametrize("why, path, source", CONSTANTS)
def test_a_wrong_constant_shows(why, path, source):
    errors = check_consts.check(path, source, NUMBERS)
    assert len(errors) == 1 and why in errors[0][1], errors


def test_right_constants_pass():
    source = (
        "_TAG_KEY_BLOCK = const(0x420040)\n_STATUS_SUCCESS = const(0)\n_REQUEST_PKCS10 = const(2)\n"
        "_OBJECT_OPAQUE_OBJECT = const(8)\n_LINK_REPLACEMENT_OBJECT_LINK = const(0x106)\n"
        "_QUERY_OPERATIONS = const(1)\n_DATE_TIME_EXTENDED = const(11)\n_HEADER = const(8)\n"
        "OP = 0x1E\nX = 0x420000\n"
    )
    assert check_consts.check("kmip_lite/ops/discover_versions.py", source, NUMBERS) == []
    assert check_consts.check("identity/der.py", "_INTEGER = const(2)\n_STATE_X = const(9)", NUMBERS) == []


def test_the_table_has_what_the_protocol_has():
    assert NUMBERS["Tag"]["UNIQUE_IDENTIFIER"] == 0x420094
    assert NUMBERS["Operation"]["RE_CERTIFY"] == 7
    assert NUMBERS["Result Reason"]["GENERAL_FAILURE"] == 0x100
    assert len(NUMBERS["Item Type"]) == 11


@pytest.mark.skipif(not all(path.exists() for path in NOTES), reason="no protocol notes beside the project")
def test_the_table_is_that_of_the_notes():
    table = kmip_table.build([path.read_text(encoding="utf-8") for path in NOTES])
    assert kmip_table.dumps(table) == check_consts.TABLE.read_text(encoding="utf-8")


def test_two_numbers_for_one_name_are_refused():
    row = "| 42000%d | Attribute | 1.0–2.1 |\n"
    with pytest.raises(SystemExit):
        kmip_table.build([row % 8, row % 9])


# ---- the meter's folder ----


def test_no_folder_of_the_meter_hides_a_package():
    # Frozen code comes after the current folder in sys.path: a folder /identity would hide the package.
    text = "".join(path.read_text() for path in (ROOT / "firmware" / "meter").glob("*.py"))
    folders = set(re.findall(r'root \+ "/(\w+)"', text))
    assert "slots" in folders
    assert not folders & set(check_laws._PACKAGES)
