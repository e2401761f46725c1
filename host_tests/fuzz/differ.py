"""One message read by three: the client's decoder, the reference server's, PyKMIP's. They were written apart.

Where one takes what another refuses, the pair of verdicts has to stand in differences.json, with the reason.
"""

import json
import logging
import re
from pathlib import Path

import hostile
from kmip.core import enums as pykmip_enums
from kmip.core import utils as pykmip_utils
from kmip.core.messages import messages as pykmip_messages

from kmip_lite.ttlv import TTLVError
from tools.refserver import ttlv

TABLE = Path(__file__).parent / "differences.json"
ACCEPTED = "takes it"
_VERSIONS = {
    10: pykmip_enums.KMIPVersion.KMIP_1_0, 11: pykmip_enums.KMIPVersion.KMIP_1_1,
    12: pykmip_enums.KMIPVersion.KMIP_1_2, 13: pykmip_enums.KMIPVersion.KMIP_1_3,
    14: pykmip_enums.KMIPVersion.KMIP_1_4, 20: pykmip_enums.KMIPVersion.KMIP_2_0,
}
logging.getLogger("kmip").setLevel(logging.CRITICAL)


def _plain(text):
    # An error's text without what differs from message to message.
    text = re.sub(r"(?:0x)?[0-9A-F]{6}\b|tag [0-9A-F]{6}|\d+", "N", str(text))
    return text[:90]


def client(data):
    """(the verdict of the client's decoder on any message, what it read)."""
    try:
        return ACCEPTED, hostile.items(b"\x0c\0" + data)  # as deep as a client reads
    except TTLVError as error:
        return _plain(str(error).rpartition(" at byte")[0]), None


def server(data):
    """The same of the reference server's."""
    try:
        return ACCEPTED, ttlv.decode(data, extended_dates=True)
    except ttlv.TTLVError as error:
        text = str(error).rpartition(" at byte")[0]
        text = re.sub(r"^[A-Z][\w ()#.-]*? (?=claims|has |is |ends)", "", text)
        text = re.sub(r"(padding|length) of .* is", r"\1 is", text)
        return _plain(re.sub(r"^\D* has (?=unknown|length|\d)", "has ", text)), None


def _same(found, item):
    # Whether the client's (tag, type, value) is the server's Item.
    if found[:2] != (item.tag, item.type):
        return False
    if item.type == ttlv.STRUCTURE:
        return len(found[2]) == len(item.value) and all(map(_same, found[2], item.value))
    if item.type == ttlv.BIG_INTEGER:
        return int.from_bytes(found[2], "big", signed=True) == item.value
    return found[2] == item.value


def reading(data):
    """The client's verdict on an input of `answer`: a whole message, with its meaning."""
    try:
        hostile.answer(bytes((data[0], data[1] & 15)) + data[2:])  # without what is the caller's
        return ACCEPTED
    except TTLVError as error:
        return _plain(str(error).rpartition(" at byte")[0])


def pykmip(data):
    """PyKMIP's verdict on the message of an input of `answer`; None for a version it does not have."""
    version = _VERSIONS.get(hostile.VERSIONS[data[1] & 7])
    if version is None:
        return None
    made = pykmip_messages.ResponseMessage()
    try:
        made.read(pykmip_utils.BytearrayStream(data[2:]), kmip_version=version)
        return ACCEPTED
    except Exception as error:  # it promises none in particular
        return type(error).__name__


class Differences:
    """What is known, and what came up: `unknown` maps a pair of verdicts to the first input that shows it."""

    def __init__(self):
        rows = json.loads(TABLE.read_text()) if TABLE.exists() else []
        self._known = {(row["between"], row["one"], row["other"]): row["why"] for row in rows}
        self.unknown = {}
        self.seen = {}  # how often each pair came up
        self.agreed = {}

    def look(self, name, data, whole=False):
        """Compare the verdicts on an input of `answer`, `items` or `request`; with `whole` PyKMIP's too."""
        one, found = client(data[2:])
        other, item = server(data[2:])
        if found and item and not _same(found, item):
            raise hostile.Broken("the server reads something else: %r" % item)
        pairs = [("client and server", one, other)]
        if whole and name == "answer":
            other = pykmip(data)
            if other is not None:
                pairs.append(("client and PyKMIP", reading(data), other))
        for between, one, other in pairs:
            if (one == ACCEPTED) == (other == ACCEPTED):
                self.agreed[between] = self.agreed.get(between, 0) + 1
                continue
            key = (between, one, other)
            self.seen[key] = self.seen.get(key, 0) + 1
            if key not in self._known:
                self.unknown.setdefault(key, (name, data))
