"""Whole messages: every vector decodes, and the client writes the requests of its operations byte for
byte when it is given the fields that stand in them."""

import vectors

from kmip_lite.message import KmipError, KmipPending, Request, Response
from kmip_lite.ops import certify, get, get_usage_allocation, recertify
from kmip_lite.ttlv import Decoder

OPS = {op.OP: op for op in (certify, get, get_usage_allocation, recertify)}

POLL = 0x1A


def tree(data):
    d = Decoder(bytearray(data))
    d.open(len(data))
    d.next()
    return d.tag, d.value()


def first(items, tag, default=None):
    for got, _, value in items:
        if got == tag:
            return value
    return default


def every(items, tag):
    return [value for got, _, value in items if got == tag]


def attribute(items):
    """An Attribute structure as the tuple that `fields` takes."""
    name = first(items, 0x42000A)
    for tag, kind, value in items:
        if tag == 0x42000B:
            found = (name, 0, kind, value)
    index = first(items, 0x420009)
    return found if index is None else found + (index,)


def template(payload):
    return [attribute(item) for item in every(first(payload, 0x420091, []), 0x420008)]


def arguments(operation, p):
    """The arguments of an operation's request(), from the fields of a 1.x request payload."""
    uid = first(p, 0x420094)
    if operation == certify.OP:
        return (uid, first(p, 0x420018), template(p))
    if operation == recertify.OP:
        return (uid, first(p, 0x420018), first(p, 0x420058), template(p))
    if operation == get.OP:
        return (uid, first(p, 0x420042), first(p, 0x420041), None, first(p, 0x420047))
    if operation == get_usage_allocation.OP:
        return (uid, first(p, 0x420096))


def check_request(data, args=None):
    """Write the request of `data` again from its own fields, and compare."""
    _, message = tree(data)
    header = first(message, 0x420077)
    items = every(message, 0x42000F)
    version = first(header, 0x420069)
    limit = first(header, 0x420050)
    buf = bytearray(limit or 4096)
    request = Request(buf, version[0][2] * 10 + version[1][2], limit is not None)
    request.start(len(items) > 1)
    for item in items:
        operation = first(item, 0x42005C)
        request.item(operation)
        OPS[operation].request(
            request.encoder,
            request.version,
            *(args or arguments(operation, first(item, 0x420079))),
        )
        request.end_item()
    size = request.finish()
    # The Unique Batch Item IDs are the client's to choose: it numbers the items from 1, in one byte.
    for index, item in enumerate(items):
        its = first(item, 0x420093)
        if its is not None and len(its) == 8:
            data = data.replace(
                b"\x42\x00\x93\x08\0\0\0\x08" + its,
                b"\x42\x00\x93\x08\0\0\0\x01" + bytes([index + 1]) + bytes(7),
            )
    return bytes(buf[:size]) == data


def test_own_messages_decode():
    found = vectors.own()
    assert len(found) == 20
    for vector in found:
        tag, _ = tree(bytes.fromhex(vector["hex"]))
        assert tag == (0x420078 if "-req" in vector["id"] else 0x42007B), vector["id"]


def test_own_requests_byte_for_byte():
    mask = (("Cryptographic Usage Mask", 0x42002C, 2, 3),)
    csr = bytes.fromhex("3003020100")
    special = {
        "certify-2.1-req": ("pk-1", csr, mask),
        "recertify-2.1-req": ("cert-1", None, 0, (), 2, "csr-1"),
        "gua-2.1-req": (1, 500),
    }
    checked = 0
    for vector in vectors.own():
        if "-req" not in vector["id"] or vector["id"].startswith("poll"):
            continue
        data = bytes.fromhex(vector["hex"])
        args = special.get(vector["id"])
        assert check_request(data, args), vector["id"]
        checked += 1
    assert checked == 12, checked


def answer(vector, operation, other=0):
    data = bytes.fromhex(vector["hex"])
    response = Response(bytearray(data), 12)
    response.open(len(data))
    response.next(operation, other)
    value = OPS[operation].response(response.decoder, 12)
    response.end()
    return value


def test_own_responses():
    by_id = {vector["id"]: vector for vector in vectors.own()}
    assert answer(by_id["certify-1.2-rsp"], certify.OP) == "cert-1"
    assert answer(by_id["recertify-1.2-rsp"], recertify.OP) == "cert-2"
    assert answer(by_id["gua-1.2-rsp"], get_usage_allocation.OP) == "key-1"
    assert answer(by_id["poll-1.2-rsp-certify-done"], certify.OP, POLL) == "cert-1"
    for name, operation, reason in (
        ("recertify-1.2-rsp-fail", recertify.OP, 0x04),
        ("gua-1.2-rsp-fail", get_usage_allocation.OP, 0x0C),
    ):
        try:
            answer(by_id[name], operation)
        except KmipError as error:
            assert (error.operation, error.status, error.reason) == (operation, 1, reason)
            assert error.message or name != "recertify-1.2-rsp-fail"
        else:
            raise AssertionError(name)
    try:
        answer(by_id["certify-1.2-async-rsp"], certify.OP)
    except KmipPending as pending:
        assert len(pending.correlation) == 8
        assert pending.status == 2
    else:
        raise AssertionError("not pending")


def test_oasis_messages_decode():
    found = vectors.oasis()
    assert len(found) == 210
    for vector in found:
        tag, _ = tree(bytes.fromhex(vector["hex"]))
        assert tag == (0x420078 if vector["kind"] == "request" else 0x42007B)
