"""Messages: headers, items and results; the answers of each operation; and mutated bytes of all of them."""

import messages as m
from check import raises

from kmip_lite.message import KmipError, KmipPending, Request, Response
from kmip_lite.ops import (
    cancel,
    certify,
    check,
    discover_versions,
    get,
    get_attributes,
    get_object,
    get_usage_allocation,
    locate,
    query,
    recertify,
    register,
)
from kmip_lite.ttlv import Decoder, Encoder, TTLVError

VERSIONS = (10, 11, 12, 13, 14)


def request(count=1, size=4096, version=12, limit=True, batch=None):
    """A Request of so many Get items, not yet finished."""
    made = Request(bytearray(size), version, limit)
    made.start(count != 1 if batch is None else batch)
    for number in range(count):
        made.item(get.OP)
        get.request(made.encoder, version, "id-%d" % number)
        made.end_item()
    return made


def tree(data):
    d = Decoder(bytearray(data))
    d.open(len(data))
    d.next()
    return d.value()


def opened(data, version=12, room=0):
    response = Response(bytearray(data) + bytearray(room), version)
    response.open(len(data))
    return response


def read(operation, payload, version=12, into=None):
    """The value of an operation for a response payload, given as a list of items."""
    data = m.success(operation.OP, *payload, version=version)
    response = opened(data, version)
    response.next(operation.OP)
    if into is not None:
        value = operation.response(response.decoder, version, into)
    else:
        value = operation.response(response.decoder, version)
    response.end()
    return value


# ---- requests ----


def test_request_header_of_every_version():
    for version in VERSIONS:
        made = request(version=version)
        top = tree(made.encoder.buf[: made.finish()])
        assert [tag for tag, _, _ in top] == [0x420077, 0x42000F]
        assert top[0][2] == [
            (0x420069, 1, [(0x42006A, 2, 1), (0x42006B, 2, version - 10)]),
            (0x420050, 2, 4096),
            (0x42000D, 2, 1),
        ]


def test_request_without_limit():
    made = request(limit=False)
    top = tree(made.encoder.buf[: made.finish()])
    assert [tag for tag, _, _ in top[0][2]] == [0x420069, 0x42000D]


def test_batch_request():
    made = request(3)
    top = tree(made.encoder.buf[: made.finish()])
    assert top[0][2][2:] == [(0x420010, 6, True), (0x42000D, 2, 3)]
    for number, (_, _, fields) in enumerate(top[1:], 1):
        assert fields[:2] == [(0x42005C, 5, get.OP), (0x420093, 8, bytes([number]))]
        assert fields[2] == (0x420079, 1, [(0x420094, 7, "id-%d" % (number - 1))])
    made = request(1, batch=True)
    assert tree(made.encoder.buf[: made.finish()])[1][2][1] == (0x420093, 8, b"\x01")


def test_request_has_an_item_and_not_too_many():
    assert "no item" in str(raises(TTLVError, request(0).finish))
    assert "too many items" in str(raises(TTLVError, request(2, batch=False).finish))
    made = request(255, 30000)
    assert tree(made.encoder.buf[: made.finish()])[0][2][3] == (0x42000D, 2, 255)
    assert "too many items" in str(raises(TTLVError, request(256, 30000).finish))


def test_request_fits_or_says_how_much_it_needs():
    needed = request().finish()
    request(size=needed).finish()
    for size in range(needed):
        error = raises(TTLVError, request(size=size).finish)
        assert "does not fit" in str(error) and error.offset == needed


def test_request_after_a_failed_one():
    made = request()
    made.encoder.fail("amiss")
    raises(TTLVError, made.finish)
    made.item(get.OP)
    made.start()
    made.item(get.OP)
    made.end_item()
    assert len(tree(made.encoder.buf[: made.finish()])[1][2]) == 2


def payload(operation, version, *args, **kwargs):
    e = Encoder(bytearray(512))
    operation.request(e, version, *args, **kwargs)
    return tree(m.ttlv(0x420079, m.STRUCTURE, [bytes(e.buf[: e.finish()])]))


def test_attributes_in_both_forms():
    name = ((0x420055, 7, "n"), (0x420054, 5, 1))
    attributes = (("Name", 0x420053, 1, name), ("Link", 0x42004A, 7, "x", 3))
    for version in (10, 14):
        assert payload(certify, version, "pk", b"0", attributes)[3] == (0x420091, 1, [
            (0x420008, 1, [(0x42000A, 7, "Name"), (0x42000B, 1, list(name))]),
            (0x420008, 1, [(0x42000A, 7, "Link"), (0x420009, 2, 3), (0x42000B, 7, "x")]),
        ])
        assert len(payload(certify, version, "pk", b"0")) == 3
    for version in (20, 21):
        assert payload(certify, version, 1, b"0", attributes) == [
            (0x420094, 5, 1), (0x420019, 5, 2), (0x420140, 8, b"0"),
            (0x420125, 1, [(0x420053, 1, list(name)), (0x42004A, 7, "x")]),
        ]


def test_every_field_of_a_request():
    uid = (0x420094, 7, "u")
    csr = [(0x420019, 5, 3), (0x420018, 8, b"0")]
    wrapping = ((0x42009E, 5, 1),)
    mask = ("Cryptographic Usage Mask", 0x42002C, 2, 12)
    vendors = [(0x42009D, 7, "x"), (0x42000A, 7, "site")]
    for operation, version, kwargs, wanted in (
        (certify, 10, {"uid": "u", "csr": b"0", "kind": 3}, [uid] + csr),
        (certify, 11, {"uid": "u"}, [uid]),
        (recertify, 10, {"uid": "u", "csr": b"0", "kind": 3, "offset": 9}, [uid] + csr + [(0x420058, 10, 9)]),
        (recertify, 11, {"uid": "u"}, [uid]),
        (recertify, 20, {"uid": "u", "csr_uid": "r"}, [uid, (0x420139, 7, "r")]),
        (get, 14, {"uid": "u", "format": 7, "compression": 2, "wrap_type": 1, "wrapping": wrapping},
         [uid, (0x420042, 5, 7), (0x4200F8, 5, 1), (0x420041, 5, 2), (0x420047, 1, list(wrapping))]),
        (get, 10, {}, []),
        (get_usage_allocation, 10, {"uid": "u", "count": 1 << 62}, [uid, (0x420096, 3, 1 << 62)]),
        (check, 10, {"uid": "u", "count": 5, "mask": 4, "lease": 60},
         [uid, (0x420096, 3, 5), (0x42002C, 2, 4), (0x420049, 10, 60)]),
        (check, 10, {}, []),
        (locate, 13, {"maximum": 1, "offset": 2, "storage": 3, "group_member": 1},
         [(0x42004F, 2, 1), (0x4200D4, 2, 2), (0x42008E, 2, 3), (0x4200AC, 5, 1)]),
        (locate, 11, {"group_member": 1}, [(0x4200AC, 5, 1)]),
        (locate, 20, {"attributes": (mask,)}, [(0x420125, 1, [(0x42002C, 2, 12)])]),
        (locate, 20, {}, [(0x420125, 1, [])]),
        (get_attributes, 14, {"uid": "u", "names": ("Link", ("State", 0x42008D))},
         [uid, (0x42000A, 7, "Link"), (0x42000A, 7, "State")]),
        (get_attributes, 20, {"uid": "u", "names": (0x42004A, ("State", 0x42008D))},
         [uid, (0x42013B, 5, 0x42004A), (0x42013B, 5, 0x42008D)]),
        (get_attributes, 21, {"names": (("x-site", vendors), vendors)},
         [(0x42013B, 1, vendors), (0x42013B, 1, vendors)]),
        (query, 10, {"functions": (1, 3)}, [(0x420074, 5, 1), (0x420074, 5, 3)]),
        (cancel, 10, {"correlation": b"c"}, [(0x420006, 8, b"c")]),
    ):
        assert payload(operation, version, **kwargs) == wanted, (operation.OP, version)


def test_every_object_can_be_registered():
    raw = [(0x420042, 5, 1), (0x420045, 1, [(0x420043, 8, b"v")])]
    for kind, kwargs, wanted in (
        (1, {}, [(0x42001D, 5, 1), (0x42001E, 8, b"v")]),
        (2, {}, [(0x420040, 1, raw)]),
        (2, {"format": 7}, [(0x420040, 1, [(0x420042, 5, 7),
         (0x420045, 1, [(0x420043, 1, [(0x42003F, 8, b"v")])])])]),
        (3, {"algorithm": 6, "bits": 256}, [(0x420040, 1, raw + [(0x420028, 5, 6), (0x42002A, 2, 256)])]),
        (4, {}, [(0x420040, 1, raw)]),
        (7, {"kind": 2}, [(0x420086, 5, 2), (0x420040, 1, raw)]),
        (8, {"kind": 0x80000000}, [(0x420059, 5, 0x80000000), (0x42005A, 8, b"v")]),
    ):
        for version, template in ((10, 0x420091), (20, 0x420125)):
            sent = payload(register, version, kind, b"v", **kwargs)
            assert sent == [(0x420057, 5, kind), (template, 1, []), (m.OBJECT_TAGS[kind], 1, wanted)], kind


def test_whole_objects_can_be_registered_and_fetched():
    # The items in the object go as they are: Split Key (1.x section 2.2.5), Template (2.2.6), and any other.
    block = (0x420040, 1, [(0x420042, 5, 11), (0x420045, 1, [(0x420043, 1, [
        (0x420052, 4, b"\x00" * 7 + b"\x81"), (0x42006C, 4, b"\x00" * 5 + b"\x01\x00\x01")])])])
    part = [(0x42008B, 2, 3), (0x420044, 2, 1), (0x42008C, 2, 2), (0x42008A, 5, 1), block]
    for kind, tag, items in (
        (1, 0x420013, [(0x42001D, 5, 1), (0x42001E, 8, b"der")]),
        (3, 0x42006D, [block]),
        (5, 0x420089, part),
        (6, 0x420090, [(0x420008, 1, [(0x42000A, 7, "Object Group"), (0x42000B, 7, "g")])]),
        (8, 0x42005B, [(0x420059, 5, 0x80000000), (0x42005A, 8, b"v")]),
    ):
        wanted = [(0x420057, 5, kind), (0x420091, 1, []), (tag, 1, items)]
        assert payload(register, 12, kind, items) == wanted, kind
        assert payload(register, 12, kind, tuple(items)) == wanted, kind
        found = [m.ttlv(0x420057, 5, kind), m.uid("u"), encoded(tag, 1, items)]
        assert read(get_object, found) == (kind, "u", items)
        for size in range(len(found)):
            raises(TTLVError, read, get_object, found[:size] + found[size + 1 :])
    for kind in (0, 9, 0x10002):
        found[0] = m.ttlv(0x420057, 5, kind)
        raises(TTLVError, read, get_object, found)
    for version, kind, value in ((20, 6, []), (12, 5, b""), (12, 6, b""), (12, 9, [])):
        raises(TTLVError, payload, register, version, kind, value)


def encoded(tag, kind, value):
    if kind == 1:
        value = [encoded(*item) for item in value]
    return m.ttlv(tag, kind, value)


def test_attributes_of_every_type():
    for kind, value in (
        (1, ((0x420055, 7, "n"),)), (2, -5), (3, 1 << 40), (4, b"\x80" + bytes(7)), (5, 0x80000001),
        (6, True), (7, "text"), (8, b"bytes"), (9, 1 << 33), (10, 0xFFFFFFFF), (11, 1 << 50),
    ):
        sent = payload(certify, 12, "u", b"0", (("x-any", 0x420008, kind, value),))[3][2][0][2][1]
        assert sent == (0x42000B, kind, list(value) if kind == 1 else value), kind
    for kind in (0, 12):
        raises(TTLVError, payload, certify, 12, "u", b"0", (("x-any", 0x420008, kind, 1),))


def test_fields_a_version_does_not_know_are_refused():
    csr = b"\x30\x00"
    for operation, version, args in (
        (certify, 10, {"uid": "x"}),
        (recertify, 10, {"uid": "x"}),
        (recertify, 14, {"uid": "x", "csr_uid": "y"}),
        (get, 13, {"uid": "x", "wrap_type": 1}),
        (get, 12, {"uid": 1}),
        (certify, 12, {"uid": 1, "csr": csr}),
        (recertify, 12, {"uid": 1, "csr": csr}),
        (get_usage_allocation, 14, {"uid": 1, "count": 5}),
        (get_attributes, 12, {"uid": 1}),
        (check, 12, {"uid": 1}),
        (locate, 12, {"offset": 1}),
        (locate, 10, {"group_member": 1}),
        (register, 12, {"object_type": 5, "value": b""}),
        (register, 12, {"object_type": 0, "value": b""}),
        (register, 12, {"object_type": 9, "value": b""}),
    ):
        for at, known in ((version, False), (20, operation is not register)):
            e = Encoder(bytearray(512))
            operation.request(e, at, **args)
            if known:
                e.finish()
            else:
                raises(TTLVError, e.finish)


# ---- headers of responses ----


def with_header(fields, *items):
    head = m.ttlv(0x42007A, m.STRUCTURE, fields)
    return m.ttlv(0x42007B, m.STRUCTURE, [head] + list(items))


def test_every_version_and_stamp():
    for version in VERSIONS:
        for stamp in (0, m.STAMP, 1 << 31, 253402300799, 0x69999999, -1):
            data = m.message(m.item(m.GET, []), version=version, stamp=stamp)
            response = opened(data, version)
            assert response.left == 1
            assert response.time_stamp() == stamp
            response.next(m.GET)
            assert response.left == 0
            response.end()


def test_no_stamp_before_the_first_message():
    assert Response(bytearray(8)).time_stamp() == 0


def test_header_fields_missing_or_of_a_wrong_type():
    fields = m.header()
    for index in range(3):
        raises(TTLVError, opened, with_header(fields[:index] + fields[index + 1 :], m.item(m.GET, [])))
    for bad in (
        [m.ttlv(0x420069, m.INTEGER, 1)] + fields[1:],
        [m.ttlv(0x420069, m.STRUCTURE, [m.ttlv(0x42006A, m.INTEGER, 1)])] + fields[1:],
        [m.ttlv(0x420069, m.STRUCTURE, [m.ttlv(0x42006B, m.INTEGER, 2)])] + fields[1:],
        [fields[0], m.ttlv(0x420092, m.LONG, 1), fields[2]],
        fields[:2] + [m.ttlv(0x42000D, m.LONG, 1)],
    ):
        raises(TTLVError, opened, with_header(bad, m.item(m.GET, [])))
    raises(TTLVError, opened, m.ttlv(0x42007B, m.STRUCTURE, [m.item(m.GET, [])]))
    raises(TTLVError, opened, m.ttlv(0x420078, m.STRUCTURE, [m.ttlv(0x42007A, m.STRUCTURE, fields)]))
    raises(TTLVError, opened, m.ttlv(0x42007B, m.INTEGER, 1))


def test_header_in_any_order_is_read_right_or_refused():
    good = 0
    for fields in m.permutations(m.header(count=1)):
        try:
            response = opened(with_header(fields, m.item(m.GET, [])))
        except TTLVError:
            continue
        good += 1
        assert response.time_stamp() == m.STAMP and response.left == 1
    assert good >= 1


def test_unknown_fields_are_passed_over():
    extra = m.ttlv(0x420105, m.TEXT, "later") + m.ttlv(0x540001, m.INTEGER, 1)
    fields = [extra]
    for field in m.header():
        fields += [field, extra]
    body = m.ttlv(0x42000F, m.STRUCTURE, [
        extra, m.ttlv(0x42005C, m.ENUM, m.CERTIFY), extra, m.ttlv(0x42007F, m.ENUM, 0), extra,
        m.ttlv(0x42007C, m.STRUCTURE, [extra, m.uid(), extra]), extra,
    ])
    response = opened(with_header(fields, body))
    response.next(m.CERTIFY)
    assert certify.response(response.decoder, 12) == "id-1"
    response.end()


def test_batch_count_is_the_number_of_items():
    for count in (0, -1, 256, 0x7FFFFFFF, -0x80000000, 0x10001):
        raises(TTLVError, opened, m.message(m.item(m.GET, []), count=count))
    response = opened(m.message(m.item(m.GET, []), count=2))
    response.next(m.GET)
    raises(TTLVError, response.next, m.GET)
    response = opened(m.message(m.item(m.GET, []), count=2))
    response.next(m.GET)
    raises(TTLVError, response.end)
    response = opened(m.message(m.item(m.GET, []), m.item(m.GET, []), count=1))
    response.next(m.GET)
    raises(TTLVError, response.end)
    raises(TTLVError, opened(m.message(m.item(m.GET, []))).end)


def test_every_truncation_is_refused():
    data = m.success(m.GET, *m.got_key(value=b"k" * 16))
    response = Response(bytearray(data))
    for size in range(len(data)):
        raises(TTLVError, response.open, size)
        raises(TTLVError, opened, data[:size])
    response.open(len(data))


# ---- items ----


def after(data, operation=m.GET, **kwargs):
    return raises((TTLVError, KmipError), opened(data).next, operation, **kwargs)


def test_answer_to_another_operation():
    for operation in (m.CERTIFY, 0x8000000A, 0x0001000A, 0):
        error = after(m.success(operation))
        assert isinstance(error, TTLVError), operation
    assert "operation" in str(after(m.success(m.CERTIFY)))
    response = opened(m.success(m.CERTIFY))
    response.next(0x1A, m.CERTIFY)
    assert isinstance(after(m.message(m.failure(m.CERTIFY))), TTLVError)


def test_success_needs_operation_version_and_payload():
    assert "operation" in str(after(m.message(m.item(None, []))))
    for version in (10, 13, 22, 20):
        error = after(m.success(m.GET, version=version))
        assert isinstance(error, TTLVError) and "version" in str(error)
    for major, minor in ((0x10001, 2), (1, 0x10002), (-1, 2), (1, -1)):
        numbers = [m.ttlv(0x42006A, m.INTEGER, major), m.ttlv(0x42006B, m.INTEGER, minor)]
        fields = [m.ttlv(0x420069, m.STRUCTURE, numbers)] + m.header()[1:]
        assert "version" in str(after(with_header(fields, m.item(m.GET, []))))
    assert isinstance(after(m.message(m.item(m.GET))), TTLVError)
    data = m.message(m.ttlv(0x42000F, m.STRUCTURE, [m.ttlv(0x42005C, m.ENUM, m.GET)]))
    assert isinstance(after(data), TTLVError)
    assert isinstance(after(m.message(m.item(m.GET, status=4))), TTLVError)
    assert isinstance(after(m.message(m.item(m.GET, [], status=0x10000))), TTLVError)


def test_failures():
    error = after(m.message(m.failure(m.GET, 0x0C, "not yours")))
    assert (error.operation, error.status, error.reason, error.message) == (m.GET, 1, 0x0C, "not yours")
    assert str(error) == "operation 0x0A: status 1, reason 0x0C: 'not yours'"
    error = after(m.message(m.item(m.GET, status=m.FAILED)))
    assert (error.status, error.reason, error.message) == (1, 0, "")
    error = after(m.message(m.failure(m.GET, 0x80000001, "z" * 1000)))
    assert error.reason == 0x80000001 and error.message == "z" * 200
    error = after(m.message(m.item(m.GET, [m.uid()], status=m.UNDONE)))
    assert error.status == 3 and not isinstance(error, KmipPending)
    # A message that the server could not parse, and a version that it does not know: no operation.
    error = after(m.message(m.failure(None, 4, "what?"), version=11))
    assert (error.operation, error.reason) == (m.GET, 4)
    assert isinstance(after(m.message(m.failure(m.GET, message=b"\xff"))), TTLVError)


def test_pending():
    error = after(m.message(m.item(m.GET, status=m.PENDING, correlation=b"c" * 40)))
    assert isinstance(error, KmipPending) and error.correlation == b"c" * 40
    assert error.status == 2
    assert isinstance(after(m.message(m.item(m.GET, status=m.PENDING))), TTLVError)


def test_batch_items_have_their_ids():
    good = m.item(m.GET, [], 1)
    assert opened(m.message(good)).next(m.GET, batch=True) is None
    for its in (2, 0, 255, b"", b"\x01\x01", b"\x00\x01", None):
        error = after(m.message(m.item(m.GET, [], its)), batch=True)
        assert "item" in str(error), its
    assert "item" in str(after(m.message(good)))
    error = after(m.message(m.failure(None)), batch=True)
    assert isinstance(error, KmipError)


def test_a_failed_item_leaves_the_others_readable():
    for failed in (m.failure(m.GET, its=1), m.item(m.GET, None, 1, m.PENDING, correlation=b"c")):
        response = opened(m.message(failed, m.item(m.CERTIFY, [m.uid()], 2)))
        raises(KmipError, response.next, m.GET, batch=True)
        assert response.left == 1
        response.next(m.CERTIFY, batch=True)
        assert certify.response(response.decoder, 12) == "id-1"
        response.end()


def test_item_fields_in_any_order_are_read_right_or_refused():
    fields = [
        m.ttlv(0x42005C, m.ENUM, m.CERTIFY),
        m.ttlv(0x42007F, m.ENUM, 0),
        m.ttlv(0x42007C, m.STRUCTURE, [m.uid()]),
    ]
    for order in m.permutations(fields):
        response = opened(m.message(m.ttlv(0x42000F, m.STRUCTURE, order)))
        try:
            response.next(m.CERTIFY)
        except TTLVError:
            assert order != fields
            continue
        assert certify.response(response.decoder, 12) == "id-1"


# ---- what each operation reads ----


def test_answers_that_are_an_identifier():
    template = m.ttlv(0x420091, m.STRUCTURE, [m.attribute("State", m.ENUM, 1)])
    for operation in (certify, recertify, get_usage_allocation, check, register):
        for name in ("id-1", "", "x" * 64, "\u00e4" * 40):
            assert read(operation, [m.uid(name), template]) == name
        raises(TTLVError, read, operation, [])
        raises(TTLVError, read, operation, [m.ttlv(m.UID, m.BYTES, b"id-1")])
        raises(TTLVError, read, operation, [m.uid(b"\xff")])


def test_discover_versions_answer():
    def version(major, minor):
        numbers = [m.ttlv(0x42006A, m.INTEGER, major), m.ttlv(0x42006B, m.INTEGER, minor)]
        return m.ttlv(0x420069, m.STRUCTURE, numbers)

    assert read(discover_versions, []) == []
    assert read(discover_versions, [version(1, 4), version(1, 0), version(2, 1)]) == [14, 10, 21]
    odd = [version(*numbers) for numbers in (
        (9, 31), (10, 0), (1, 10), (0, 1), (-1, 2), (1, -1), (1, 1), (1 << 30, 0))]
    assert read(discover_versions, odd) == [11]
    raises(TTLVError, read, discover_versions, [m.ttlv(0x420069, m.STRUCTURE, [])])
    raises(TTLVError, read, discover_versions, [m.ttlv(0x420069, m.INTEGER, 1)])


def test_cancel_answer():
    correlation = m.ttlv(0x420006, m.BYTES, b"c")
    assert read(cancel, [correlation, m.ttlv(0x420012, m.ENUM, 3)]) == 3
    raises(TTLVError, read, cancel, [correlation])
    raises(TTLVError, read, cancel, [m.ttlv(0x420012, m.ENUM, 3)])


def test_query_answer():
    assert read(query, []) == {}
    extension = m.ttlv(0x4200A4, m.STRUCTURE, [m.ttlv(0x4200A5, m.TEXT, "x")])
    fields = [m.ttlv(0x42005C, m.ENUM, n) for n in (1, 2, 0x80000001)]
    fields += [m.ttlv(0x42009D, m.TEXT, "maker"), extension]
    assert read(query, fields) == {
        0x42005C: [1, 2, 0x80000001], 0x42009D: ["maker"], 0x4200A4: [[(0x4200A5, 7, "x")]],
    }


def test_locate_answer():
    assert read(locate, []) == []
    located = m.ttlv(0x4200D5, m.INTEGER, 2)
    assert read(locate, [located, m.uid("a"), m.uid("b")]) == ["a", "b"]
    raises(TTLVError, read, locate, [m.ttlv(m.UID, m.ENUM, 1)])


def test_get_attributes_answer():
    link = [m.ttlv(0x42004B, m.ENUM, 0x106), m.ttlv(0x42004C, m.TEXT, "id-2")]
    fields = [
        m.uid(),
        m.attribute("State", m.ENUM, 2),
        m.attribute("Link", m.STRUCTURE, link, 1),
        m.attribute("Activation Date", m.DATE, 1 << 33),
        m.attribute("Fresh", m.BOOL, 1),
        m.ttlv(0x420008, m.STRUCTURE, [m.ttlv(0x42000A, m.TEXT, "x-empty")]),
    ]
    assert read(get_attributes, fields) == [
        ("State", 0, 2),
        ("Link", 1, [(0x42004B, 5, 0x106), (0x42004C, 7, "id-2")]),
        ("Activation Date", 0, 1 << 33),
        ("Fresh", 0, True),
        ("x-empty", 0, None),
    ]
    for order in m.permutations([m.ttlv(0x42000A, 7, "x"), m.ttlv(0x420009, 2, 5), m.ttlv(0x42000B, 2, 9)]):
        assert read(get_attributes, [m.uid(), m.ttlv(0x420008, m.STRUCTURE, order)]) == [("x", 5, 9)]
    for at in range(4):  # what a newer version has is passed over
        order = [m.ttlv(0x42000A, 7, "x"), m.ttlv(0x420009, 2, 5), m.ttlv(0x42000B, 2, 9)]
        order.insert(at, m.ttlv(0x420199, 7, "new"))
        assert read(get_attributes, [m.uid(), m.ttlv(0x420008, m.STRUCTURE, order)]) == [("x", 5, 9)]
    assert read(get_attributes, [m.uid()]) == []
    for index, bad in enumerate((m.ttlv(0x42000A, 8, b"x"), m.ttlv(0x420009, 3, 5))):
        order = [m.ttlv(0x42000A, 7, "x"), m.ttlv(0x420009, 2, 5)]
        order[index] = bad
        raises(TTLVError, read, get_attributes, [m.uid(), m.ttlv(0x420008, m.STRUCTURE, order)])
    raises(TTLVError, read, get_attributes, fields[1:])
    raises(TTLVError, read, get_attributes, [m.uid(), m.ttlv(0x420008, m.STRUCTURE, [])])


def test_get_attributes_answer_of_kmip_2():
    state, group = m.ttlv(0x42008D, m.ENUM, 2), m.ttlv(0x420056, m.TEXT, "g")
    for version in (20, 21):
        for tail in ([], [m.ttlv(0x420105, m.TEXT, "later")]):
            fields = [m.uid(), m.ttlv(0x420125, 1, [group, state, group])] + tail
            wanted = [(0x420056, 0, "g"), (0x42008D, 0, 2), (0x420056, 1, "g")]
            assert read(get_attributes, fields, version) == wanted
    raises(TTLVError, read, get_attributes, [m.uid()], 20)


def facts(found):
    return (found.object_type, found.value, found.kind, found.format, found.algorithm, found.bits,
            found.wrapped, found.wrapping)


def test_get_certificate():
    for der in (b"", b"0\x82\x01\x00" + b"c" * 700):
        assert facts(read(get, m.got_certificate(der))) == (1, der, 1, 0, 0, 0, False, None)


def test_get_keys():
    for kind in (2, 3, 4):
        for value in (b"k" * 16, b"", b"K" * 1200):
            payload = m.got_key(kind, value=value, format=0x80000003, algorithm=0x80000004, bits=256)
            found = facts(read(get, payload))
            assert found == (kind, value, 0, 0x80000003, 0x80000004, 256, False, None)
    # Without what a server may leave out.
    payload = m.got_key(2, value=b"k" * 16, algorithm=None, bits=None)
    assert facts(read(get, payload)) == (2, b"k" * 16, 0, 1, 0, 0, False, None)


def test_get_secret_data_and_opaque_object():
    payload = m.got_key(7, secret_type=2, value=b"secret", format=2, algorithm=None, bits=None)
    assert facts(read(get, payload)) == (7, b"secret", 2, 2, 0, 0, False, None)
    assert facts(read(get, m.got_opaque(b"o" * 9))) == (8, b"o" * 9, 0x80000001, 0, 0, 0, False, None)
    raises(TTLVError, read, get, m.got_key(7, value=b"without its type"))


def key_value(*fields):
    return m.ttlv(0x420045, m.STRUCTURE, fields)


def test_get_transparent_keys():
    # Symmetric: the key itself. Others: the TTLV of their fields.
    material = m.ttlv(0x420043, m.STRUCTURE, [m.ttlv(0x42003F, m.BYTES, b"k" * 16)])
    value = key_value(material, m.attribute("State", m.ENUM, 1))
    found = read(get, m.got_key(value=value, format=7))
    assert (found.value, found.format) == (b"k" * 16, 7)
    fields = m.ttlv(0x420052, m.BIG, b"\0" * 8) + m.ttlv(0x42006C, m.BIG, b"\0" * 7 + b"\3")
    material = m.ttlv(0x420043, m.STRUCTURE, [fields])
    found = read(get, m.got_key(3, value=key_value(material), format=11, algorithm=4, bits=64))
    assert facts(found) == (3, fields, 0, 11, 4, 64, False, None)
    # A vendor's format that ends in 7 is not the symmetric one.
    material = m.ttlv(0x420043, m.STRUCTURE, [m.ttlv(0x42003F, m.BYTES, b"k" * 16)])
    assert read(get, m.got_key(value=key_value(material), format=0x80000007)).value == material[8:]
    empty = m.ttlv(0x420043, m.STRUCTURE, [])
    raises(TTLVError, read, get, m.got_key(value=key_value(empty), format=7))
    raises(TTLVError, read, get, m.got_key(value=key_value(), format=1))
    raises(TTLVError, read, get, m.got_key(value=key_value(m.ttlv(0x420043, m.TEXT, "k"))))
    raises(TTLVError, read, get, m.got_key(value=m.ttlv(0x420045, m.TEXT, "k")))


def test_get_wrapped_keys():
    inner = m.WRAPPING_DATA[8:]
    value = m.ttlv(0x420045, m.BYTES, b"W" * 24)
    found = read(get, m.got_key(value=value, wrapping=m.WRAPPING_DATA))
    assert facts(found) == (2, b"W" * 24, 0, 1, 3, 128, True, inner)
    # No Encoding: the structure stays, its material is wrapped.
    found = read(get, m.got_key(value=b"W" * 24, wrapping=m.WRAPPING_DATA))
    assert facts(found) == (2, b"W" * 24, 0, 1, 3, 128, True, inner)
    # A Byte String is a wrapped key also where the server forgot to say how.
    found = read(get, m.got_key(value=value))
    assert found.wrapped and found.wrapping == b""


def test_get_of_a_key_whose_value_the_server_does_not_have():
    block = m.key_block(b"k" * 16)
    found = read(get, m.get_payload(2, [m.ttlv(0x420040, m.STRUCTURE, [block[0]] + block[2:])]))
    assert facts(found) == (2, b"", 0, 1, 3, 128, False, None)


def test_get_into_a_buffer():
    for size in (16, 20):
        room = bytearray(b"." * size)
        found = read(get, m.got_key(value=b"k" * 16), into=room)
        assert found.value is None and found.size == 16
        assert room == b"k" * 16 + b"." * (size - 16)
    room = bytearray(15)
    assert "fit" in str(raises(TTLVError, read, get, m.got_key(value=b"k" * 16), into=room))
    assert room == bytearray(15)


def test_one_managed_object_serves_again():
    # Nothing of what was read before may be left in it.
    found = get.ManagedObject()
    assert facts(found) == (0, None, 0, 0, 0, 0, False, None)
    assert (found.at, found.size) == (0, 0)
    wrapped = m.got_key(7, secret_type=2, value=m.ttlv(0x420045, 8, b"W"), wrapping=m.WRAPPING_DATA)
    block = m.key_block(b"k")
    nothing = m.get_payload(2, [m.ttlv(0x420040, 1, [block[0]])])
    certificate = m.got_certificate(b"c")
    for kind, payload, size in ((7, wrapped, 1), (2, nothing, 0), (1, certificate, 1)):
        response = opened(m.message(m.item(m.GET, payload)))
        response.next(m.GET)
        get.read(response.decoder, 12, found)
        response.end()
        assert (found.object_type, found.size, found.wrapped) == (kind, size, kind == 7)
        assert (found.at > 0) == (size > 0)
        assert (found.kind_at > 0, found.format_at > 0) == (kind != 2, kind != 1)
        if kind != 7:
            assert (found.algorithm_at, found.wrapping_at, found.bits) == (0, 0, 0)


def test_get_refuses_what_it_cannot_read():
    fields = m.got_certificate(b"c")[2]
    for kind in (0, 5, 6, 9, 10, 0x80000001, 0x10001):
        raises(TTLVError, read, get, [m.ttlv(0x420057, m.ENUM, kind), m.uid(), fields])
    good = m.got_certificate(b"c")
    for index in range(3):
        raises(TTLVError, read, get, good[:index] + good[index + 1 :])
    # An object of another type than the payload says.
    raises(TTLVError, read, get, [m.ttlv(0x420057, m.ENUM, 2), m.uid(), fields])
    raises(TTLVError, read, get, m.get_payload(1, [m.ttlv(0x42001E, m.BYTES, b"c")]))
    raises(TTLVError, read, get, m.get_payload(1, [m.ttlv(0x42001D, m.ENUM, 1)]))
    block = m.key_block(b"k", wrapping=m.WRAPPING_DATA)
    for index, bad in (
        (0, m.ttlv(0x420042, m.INTEGER, 1)), (2, m.ttlv(0x420028, m.TEXT, "")),
        (3, m.ttlv(0x42002A, m.BYTES, b"")), (4, m.ttlv(0x420046, m.BYTES, b"")),
    ):
        fields = block[:index] + [bad] + block[index + 1 :]
        raises(TTLVError, read, get, m.get_payload(2, [m.ttlv(0x420040, m.STRUCTURE, fields)]))
    raises(TTLVError, read, get, m.get_payload(2, []))
    raises(TTLVError, read, get, m.get_payload(2, [m.ttlv(0x420040, m.STRUCTURE, [])]))


def test_get_in_any_order_is_read_right_or_refused():
    good = m.got_key(value=b"k" * 16)
    wanted = facts(read(get, good))
    orders = [order for order in m.permutations(good)]
    for wrapping in (None, m.WRAPPING_DATA):
        for block in m.permutations(m.key_block(b"k" * 16, wrapping=wrapping)):
            orders.append(m.get_payload(2, [m.ttlv(0x420040, m.STRUCTURE, block)]))
    for order in orders:
        data = b"".join(order)
        try:
            found = facts(read(get, order))
        except TTLVError:
            continue
        wrapped = m.WRAPPING_DATA in data
        assert found[:6] == wanted[:6], found
        assert found[6] == wrapped
    for order in m.permutations(m.got_certificate(b"c" * 30)):
        try:
            assert read(get, order).value == b"c" * 30
        except TTLVError:
            assert order != m.got_certificate(b"c" * 30)


# ---- mutated bytes ----

OPERATIONS = (
    (certify, [m.uid()]),
    (recertify, [m.uid("cert-2"), m.ttlv(0x420091, 1, [m.attribute("Initial Date", m.DATE, m.STAMP)])]),
    (get_usage_allocation, [m.uid("key-1")]),
    (get, m.got_key(value=b"k" * 16)),
    (get, m.got_key(value=m.ttlv(0x420045, m.BYTES, b"W" * 24), wrapping=m.WRAPPING_DATA)),
    (get, m.got_key(4, value=key_value(m.ttlv(0x420043, 1, [m.ttlv(0x42003F, 8, b"k" * 16)])), format=7)),
    (get, m.got_certificate(b"0" * 60)),
    (get, m.got_opaque(b"opaque")),
    (get_attributes, [m.uid(), m.attribute("Link", 1, [m.ttlv(0x42004B, 5, 0x106), m.uid("x")], 1)]),
    (locate, [m.ttlv(0x4200D5, m.INTEGER, 2), m.uid("a"), m.uid("b")]),
    (discover_versions, [m.header(14)[0], m.header(10)[0]]),
    (query, [m.ttlv(0x42005C, m.ENUM, 1), m.ttlv(0x42009D, m.TEXT, "maker")]),
    (register, [m.uid()]),
    (check, [m.uid()]),
    (cancel, [m.ttlv(0x420006, m.BYTES, b"c"), m.ttlv(0x420012, m.ENUM, 1)]),
)
SAMPLES = 1500  # of each operation's answer


def mutated(data, random):
    """A copy with a few bytes changed, cut out, doubled or put in."""
    data = bytearray(data)
    for _ in range(1 + random.below(3)):
        at = random.below(len(data))
        how = random.below(8)
        if how < 3:
            data[at] = random.below(256)
        elif how < 5:
            data[at] ^= 1 << random.below(8)
        elif how == 5:
            data[at] = (0, 1, 5, 7, 8, 0x42, 0x7F, 0x80, 0xFF)[random.below(9)]
        else:
            at &= -8
            count = 8 * (1 + random.below(4))
            piece = data[at : at + count]
            data = data[:at] + (b"" if how == 6 else piece + piece) + data[at + count :]
        if not data:
            data = bytearray(1)
    if random.below(2):  # what a client has checked before: the length of the whole
        size = len(data) - 8
        data[:8] = bytes([0x42, 0, 0x7B, 1, 0, size >> 16 & 255, size >> 8 & 255, size & 255])[: len(data)]
    return data


def outcome(operation, data, batch):
    """"accepted", or the name of the exception."""
    response = Response(data, 12)
    try:
        response.open(len(data))
        response.next(operation.OP, batch=batch)
        value = operation.response(response.decoder, 12)
        response.end()
    except KmipError as error:
        return type(error).__name__
    except TTLVError as error:
        if not -8 <= error.offset <= len(data):
            raise ValueError("offset %d" % error.offset)
        return "TTLVError"
    wanted = (str, int, list, dict, get.ManagedObject)
    if not isinstance(value, wanted):
        raise ValueError("value %r" % value)
    return "accepted"


def test_mutated_answers_are_accepted_or_refused():
    random = m.Random(7)
    counts = {}
    for operation, payload in OPERATIONS:
        for batch in (False, True):
            good = m.message(m.item(operation.OP, payload, 1 if batch else None))
            bad = m.message(m.failure(operation.OP, its=1 if batch else None))
            pending = m.item(operation.OP, None, 1 if batch else None, m.PENDING, correlation=b"c")
            for data, share in ((good, 0), (bad, 2), (m.message(pending), 2)):
                for _ in range(SAMPLES // 2 >> share):
                    found = outcome(operation, mutated(data, random), batch)
                    counts[found] = counts.get(found, 0) + 1
    # Each way out was taken, or the mutations are too wild or too tame.
    for name in ("accepted", "TTLVError", "KmipError", "KmipPending"):
        assert counts.get(name, 0) > 100, counts


def test_random_bytes_are_refused_or_walked():
    random = m.Random(11)
    walked = 0
    for _ in range(6000):
        size = 8 * random.below(6)
        data = bytearray([random.below(256) for _ in range(size)])
        for at in range(0, size - 7, 8):  # item heads here and there, or nothing ever passes
            if random.below(3):
                data[at : at + 8] = bytes([0x42, 0, random.below(256), random.below(13), 0, 0, 0,
                                           (0, 4, 8, 8, 16, 24)[random.below(6)]])
        data[4:8] = bytes([0, 0, 0, max(size - 8, 0)])[: max(size - 4, 0)]
        d = Decoder(data)
        try:
            d.open(size)
        except TTLVError:
            continue
        walked += 1
        d.next()
        try:
            d.value()
        except TTLVError:  # only texts are looked into after open()
            pass
    assert walked > 50, walked
