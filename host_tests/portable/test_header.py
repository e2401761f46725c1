"""The header's optional fields, and Message Extensions."""

import messages as m
from check import raises

from kmip_lite.header import Header, device, username
from kmip_lite.message import Request, Response
from kmip_lite.ops import get
from kmip_lite.ttlv import Decoder, TTLVError


class Ends:
    """What a Header needs of a client: its request and its response."""

    def __init__(self, version, answer=bytes(8)):
        self._request = Request(bytearray(512), version)
        self._response = Response(bytearray(answer), version)


def header(version, batch=False, **fields):
    """The header's fields that stand between Maximum Response Size and Batch Count."""
    ends = Ends(version)
    made = Header(ends)
    for name in fields:
        setattr(made, name, fields[name])
    request = ends._request
    request.start(batch)
    request.item(get.OP)
    request.end_item()
    data = request.encoder.buf[: request.finish()]
    d = Decoder(data)
    d.open(len(data))
    d.next()
    found = d.value()[0][2]
    assert found[1][0] == 0x420050 and found[-1][0] == 0x42000D
    return found[2:-1]


def test_nothing_is_written_unless_asked_for():
    for version in (10, 14, 21):
        assert header(version) == []
        assert header(version, True) == [(0x420010, 6, True)]


def test_asynchronous_indicator():
    # 1.x section 7.2: a Boolean that is True if present; 2.x: an Enumeration, 2 is Optional.
    for version, kind, value in ((10, 6, True), (14, 6, True), (20, 5, 2), (21, 5, 2)):
        assert header(version, asynchronous=True) == [(0x420007, kind, value)]


def test_credentials():
    # 1.x section 2.1.2: of the type 1 a Username and perhaps a Password, of the type 2 a Device.
    for version in (10, 14, 21):
        for made, fields in (
            (username("u"), [(0x420099, 7, "u")]),
            (username("u", "p"), [(0x420099, 7, "u"), (0x4200A1, 7, "p")]),
        ):
            credential = [(0x420024, 5, 1), (0x420025, 1, fields)]
            assert header(version, credential=made) == [(0x42000C, 1, [(0x420023, 1, credential)])]
    made = device("s", "p", "d", "n", "ma", "me")
    assert header(11, credential=made) == [(0x42000C, 1, [(0x420023, 1, [(0x420024, 5, 2), (0x420025, 1, [
        (0x4200B0, 7, "s"), (0x4200A1, 7, "p"), (0x4200A2, 7, "d"), (0x4200AB, 7, "n"), (0x4200A9, 7, "ma"),
        (0x4200AA, 7, "me"),
    ])])])]
    assert header(14, credential=device(network="n"))[0][2][0][2][1] == (0x420025, 1, [(0x4200AB, 7, "n")])
    raises(TTLVError, header, 10, credential=made)  # the type Device is of 1.1


def test_what_becomes_of_a_batch():
    # Batch Error Continuation Option stands before Batch Order Option, and in batches only.
    for option in (1, 2, 3):
        assert header(12, True, continuation=option) == [(0x42000E, 5, option), (0x420010, 6, True)]
        assert header(12, continuation=option) == []


def test_correlation_values_out():
    for version in (14, 20, 21):
        assert header(version, client_correlation="c", related="s", asynchronous=True)[:2] == [
            (0x420105, 7, "c"), (0x420106, 7, "s"),
        ]
    for version in (10, 13):
        raises(TTLVError, header, version, client_correlation="c")
        raises(TTLVError, header, version, related="s")


def answer(*fields):
    head = m.header(14)
    head = m.ttlv(0x42007A, m.STRUCTURE, head[:2] + list(fields) + head[2:])
    return m.ttlv(0x42007B, m.STRUCTURE, [head, m.item(m.GET, [])])


def test_correlation_values_in():
    ours, theirs = m.ttlv(0x420105, m.TEXT, "c"), m.ttlv(0x420106, m.TEXT, "s")
    for fields, wanted in (((), None), ((ours,), None), ((theirs,), "s"), ((ours, theirs), "s")):
        data = answer(*fields)
        ends = Ends(14, data)
        made = Header(ends)
        made.client_correlation = "c"
        ends._response.open(len(data))
        assert made.server_correlation == wanted
        ends._response.next(m.GET)
        ends._response.end()
    made.client_correlation = "another"
    raises(TTLVError, ends._response.open, len(data))


def extension(critical):
    return m.ttlv(0x420051, m.STRUCTURE, [
        m.ttlv(0x42009D, m.TEXT, "maker"), m.ttlv(0x420026, m.BOOL, critical),
        m.ttlv(0x42009C, m.STRUCTURE, []),
    ])


def test_a_critical_extension_is_refused():
    # 1.x section 6.16: not understood and critical, the message is refused; else it is passed over.
    fields = [m.ttlv(0x42005C, m.ENUM, m.GET), m.ttlv(0x42007F, m.ENUM, 0), m.ttlv(0x42007C, m.STRUCTURE, [])]
    for extensions, good in (
        ([0], True), ([0, 0], True), ([1], False), ([0, 1], False), ([1, 0], False),
    ):
        data = m.message(m.ttlv(0x42000F, m.STRUCTURE, fields + [extension(each) for each in extensions]))
        response = Response(bytearray(data))
        response.open(len(data))
        response.next(m.GET)
        if good:
            response.end()
        else:
            assert "critical" in str(raises(TTLVError, response.end))
    broken = m.ttlv(0x420051, m.STRUCTURE, [m.ttlv(0x42009D, m.TEXT, "maker")])
    data = m.message(m.ttlv(0x42000F, m.STRUCTURE, fields + [broken]))
    response = Response(bytearray(data))
    response.open(len(data))
    response.next(m.GET)
    raises(TTLVError, response.end)
