"""Whatever it is given, kmipdump ends with status 0 or 1, and a message survives the way there and back."""

import struct

from dumpkit import MESSAGES, conversation, ethernet, item, pcap, pcapng, run, run_binary
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools.kmipdump import inputs, items, names, times
from tools.refserver import ttlv

LIMITS = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))

_TAGS = st.one_of(st.sampled_from(sorted(names.TAGS.values())), st.integers(0x540000, 0x54FFFF))
_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.sampled_from(sorted(names.TABLE)))
_LEAVES = st.one_of(
    st.tuples(st.just(2), st.integers(-1 << 31, (1 << 31) - 1).map(lambda v: struct.pack(">i", v))),
    st.tuples(st.just(3), st.binary(min_size=8, max_size=8)),
    st.tuples(st.just(4), st.integers(1, 4).flatmap(lambda n: st.binary(min_size=8 * n, max_size=8 * n))),
    st.tuples(st.just(5), st.one_of(st.integers(0, 80), st.integers(0, (1 << 32) - 1)).map(
        lambda v: struct.pack(">I", v))),
    st.tuples(st.just(6), st.booleans().map(lambda v: struct.pack(">Q", v))),
    st.tuples(st.just(7), _TEXT.map(lambda v: v.rstrip("\0").encode())),
    st.tuples(st.just(8), st.binary(max_size=20)),
    st.tuples(st.just(9), st.one_of(
        st.integers(-1 << 36, 1 << 36),
        st.integers(-1 << 63, (1 << 63) - 1)).map(lambda v: struct.pack(">q", v))),
    st.tuples(st.just(10), st.binary(min_size=4, max_size=4)),
    st.tuples(st.just(11), st.binary(min_size=8, max_size=8)),
)
_ITEMS = st.recursive(
    st.builds(lambda tag, leaf: item(tag, *leaf), _TAGS, _LEAVES),
    lambda inner: st.builds(
        lambda tag, subs: item(tag, 1, b"".join(subs)), _TAGS, st.lists(inner, max_size=6)),
    max_leaves=30,
)


def holds(out):
    assert out[0] in (0, 1)
    assert "Traceback" not in out[2]
    if out[0]:
        assert out[2].startswith("kmipdump: ")
    return out


@LIMITS
@given(_ITEMS)
def test_well_formed_messages(data):
    assert holds(run(data, "--format", "binary"))[0] == 0
    assert ttlv.encode(ttlv.decode(data, extended_dates=True)) == data or b"\4" in data
    (found,) = items.messages(data)
    assert items.encode(found.root) == data
    status, xml, err = holds(run(data, "--format", "binary", "--xml", "--secrets"))
    if status:
        assert "XML cannot hold" in err
    else:
        assert run_binary(xml.encode(), "--from-xml", "--binary") == (0, data, "")
    redacted = holds(run(data, "--format", "binary", "--xml"))
    if not redacted[0]:
        assert len(run_binary(redacted[1].encode(), "--from-xml", "--binary")[1]) == len(data)


@LIMITS
@given(st.binary(max_size=300), st.sampled_from(inputs.FORMATS),
       st.sampled_from([(), ("--offsets",), ("--xml",)]))
def test_any_bytes(data, form, args):
    holds(run(data, "--format", form, *args))


@LIMITS
@given(st.sampled_from(MESSAGES), st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=4),
       st.integers(0, 4000))
def test_changed_messages(data, changes, cut):
    changed = bytearray(data)
    for place, value in changes:
        changed[place % len(changed)] = value
    changed = bytes(changed[:cut] if cut else changed)
    for args in ((), ("--offsets", "--secrets", "--full"), ("--xml", "--secrets")):
        status, out, _ = holds(run(changed, "--format", "binary", *args))
    # What has no error has an XML form, or holds a character that has none.
    if not status and changed:
        assert run_binary(out.encode(), "--from-xml", "--binary")[1] == changed


@LIMITS
@given(st.booleans(), st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=6),
       st.integers(0, 4000))
def test_changed_captures(new, changes, cut):
    packets = [ethernet(packet) for packet in conversation(MESSAGES[0], MESSAGES[1])]
    changed = bytearray((pcapng if new else pcap)(packets))
    for place, value in changes:
        changed[place % len(changed)] = value
    holds(run(bytes(changed[:cut] if cut else changed), "--format", "capture"))


@LIMITS
@given(st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from([
        "00000000", "00000010", ": ", "  ", "\n", "*", "42", "4200", "|", "0x", "request 8 bytes", "Follow: ",
        "\nFollow: x\n", "\t", "Node 0: ", " response 16 bytes\n  ", "=", "Q", "é",
    ]), max_size=30).map("".join)))
def test_any_text(text):
    holds(run(text.encode("utf-8", "surrogatepass")))
    for form in ("hex", "trace", "follow", "base64"):
        holds(run(text.encode("utf-8", "surrogatepass"), "--format", form))


@LIMITS
@given(st.lists(st.sampled_from([
    "<KMIP>", "</KMIP>", "<BatchItem>", "</BatchItem>", "<BatchItem/>", "Get", "0x1", "x", '"/>',
    '<Operation type="Enumeration" value="', '<TTLV tag="0x540001"', ' type="Integer"', ' value="',
    "<!DOCTYPE a>", "<![CDATA[", "]]>", "&lt;", "&#0;", "&#1;", "\0", "\ud800", "<?xml version='1.1'?>",
    '<AttributeValue type="Integer" value="Sign"/>', '<AttributeName type="TextString" value="State"/>',
    "<a:b xmlns:a='x'/>", "<x xmlns:xml='y'/>",
]), max_size=12).map("".join))
def test_any_xml(text):
    data = text.encode("utf-8", "surrogatepass")
    holds(run(data, "--from-xml"))


@LIMITS
@given(st.sampled_from([items.DATE_TIME, items.DATE_TIME_EXTENDED]), st.integers(-1 << 63, (1 << 63) - 1))
def test_dates(kind, value):
    text = times.iso(kind, value)
    assert text is None or times.number(kind, text) == value
