"""What a meter sends, live: nothing that the specification does not require or the meter does not use."""

import socket
import threading

import ports
import pytest

from tools.bench import goals, tables, wire
from tools.refserver import tags, ttlv

BATCH = "Batch Order Option", "Unique Batch Item ID"  # only where there are several items

# Of the header. Required: the first four. The meter's buffer is as large as it says, no larger.
HEADER = {
    "Protocol Version", "Protocol Version/Protocol Version Major",
    "Protocol Version/Protocol Version Minor", "Batch Count", "Maximum Response Size",
    "Batch Order Option",  # by default the server may do the items in any order (1.x)
}

# Of each operation's payload, below it.
PAYLOADS = {
    "Discover Versions": set(),  # asks for all that the server speaks
    "Get": {"Unique Identifier"},  # left out in a batch: the ID Placeholder
    "Get Usage Allocation": {"Unique Identifier", "Usage Limits Count"},
    # The identifier of the certificate; proof of possession (required in 1.0); Offset 0 has the new one
    # active at once.
    "Re-certify": {"Unique Identifier", "Certificate Request Type", "Certificate Request", "Offset"},
    # The public key comes by the ID Placeholder. Without an Activation Date it would not become active.
    "Certify": {
        "Certificate Request Type", "Certificate Request", "Template-Attribute",
        "Template-Attribute/Attribute", "Template-Attribute/Attribute/Attribute Name",
        "Template-Attribute/Attribute/Attribute Value"},
    # One answer is enough; the Name is the one of the device's key.
    "Locate": {
        "Maximum Items", "Attribute", "Attribute/Attribute Name", "Attribute/Attribute Value",
        "Attribute/Attribute Value/Name Value", "Attribute/Attribute Value/Name Type"},
    # A key needs its Cryptographic Usage Mask (required), algorithm and length (required of a key in
    # plain); the Name is what Locate looks for when an answer was lost.
    "Register": {
        "Object Type", "Template-Attribute", "Template-Attribute/Attribute",
        "Template-Attribute/Attribute/Attribute Name", "Template-Attribute/Attribute/Attribute Value",
        "Template-Attribute/Attribute/Attribute Value/Name Value",
        "Template-Attribute/Attribute/Attribute Value/Name Type", "Public Key", "Public Key/Key Block",
        "Public Key/Key Block/Key Format Type", "Public Key/Key Block/Key Value",
        "Public Key/Key Block/Key Value/Key Material", "Public Key/Key Block/Cryptographic Algorithm",
        "Public Key/Key Block/Cryptographic Length"},
}
ATTRIBUTES = {"Certify": {"Activation Date"}, "Locate": {"Name"},
              "Register": {"Cryptographic Usage Mask", "Name"}}
OPERATIONS = {3: "Register", 6: "Certify", 7: "Re-certify", 8: "Locate", 0x0A: "Get",
              0x11: "Get Usage Allocation", 0x1E: "Discover Versions"}

# The operations of each phase, message by message.
STORY = {
    "enrol": ["Discover Versions", "Locate", "Register Certify Get", "Get", "Get", "Get Usage Allocation"],
    "report": [],
    "refill": ["Get Usage Allocation"],
    "renew": ["Re-certify Get", "Get"],
    "rotate": ["Locate", "Register Certify Get", "Get"],
    "restart": ["Discover Versions", "Get"],
}


@pytest.fixture(scope="module")
def phases():
    ports.open_port("unix32")
    return wire.measure()


def paths(items, above=""):
    for item in items:
        path = above + tags.name(item.tag)
        yield path
        if item.type == ttlv.STRUCTURE:
            yield from paths(item.value, path + "/")


def named(items, found=None):
    """The Attribute Names anywhere in these items."""
    found = set() if found is None else found
    for item in items:
        if item.tag == tags.Tag.ATTRIBUTE_NAME:
            found.add(item.value)
        elif item.type == ttlv.STRUCTURE:
            named(item.value, found)
    return found


def split(request):
    """(fields of the header, [(operation, fields of the item, of its payload)]) of a request."""
    header, *items = ttlv.decode(request).value
    assert tags.name(header.tag) == "Request Header"
    found = []
    for item in items:
        *fields, payload = item.value
        assert tags.name(payload.tag) == "Request Payload"
        operation = OPERATIONS[item.find(tags.Tag.OPERATION).value]
        found.append((operation, [tags.name(field.tag) for field in fields], payload.value))
    return header, found


def check(request):
    """The fields that a request has and need not have."""
    header, items = split(request)
    batch = len(items) > 1
    needless = [path for path in paths(header.value)
                if path not in HEADER or (not batch and path in BATCH)]
    for operation, fields, payload in items:
        needless += [field for field in fields
                     if field != "Operation" and not (batch and field == "Unique Batch Item ID")]
        needless += ["%s: %s" % (operation, path) for path in paths(payload)
                     if path not in PAYLOADS[operation]]
        needless += ["%s: %s" % (operation, name)
                     for name in named(payload) - ATTRIBUTES.get(operation, set())]
    return needless


def test_no_field_too_many(phases):
    for phase in phases:
        for request in phase.requests:
            assert check(request) == [], phase.name


def test_the_lists_name_nothing_that_is_not_sent(phases):
    seen = {}
    top = set()
    for phase in phases:
        for request in phase.requests:
            header, items = split(request)
            top.update(paths(header.value))
            for operation, _, payload in items:
                seen.setdefault(operation, set()).update(paths(payload))
    assert top == HEADER
    assert seen == PAYLOADS


def test_a_field_too_many_shows(phases):
    (request,) = next(phase.requests for phase in phases if phase.name == "refill")
    message = ttlv.decode(request)
    header, item = message.value
    header.value.insert(2, ttlv.boolean(tags.Tag.BATCH_ORDER_OPTION, True))
    item.value[-1].value.append(ttlv.integer(tags.Tag.MAXIMUM_ITEMS, 1))
    assert check(ttlv.encode(message)) == ["Batch Order Option", "Get Usage Allocation: Maximum Items"]


def test_the_story(phases):
    assert {phase.name: [" ".join(operation for operation, *_ in split(request)[1])
                         for request in phase.requests] for phase in phases} == STORY


def test_the_buffer_is_what_the_server_is_told(phases):
    for phase in phases:
        for request, answer in zip(phase.requests, phase.answers, strict=True):
            limit = split(request)[0].find(tags.Tag.MAXIMUM_RESPONSE_SIZE)
            assert limit.value == 2048 >= len(answer)


def test_the_kept_figures_are_fresh(phases):
    new = {**tables.kept(), "wire": [phase.figures() for phase in phases]}
    assert goals.stale(tables.kept(), new) == []
    assert goals.broken(new) == []


def test_the_relay_counts():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            sock = listener.accept()[0]
            with sock:
                assert sock.recv(100) == b"question"
                sock.sendall(b"long answer")

        thread = threading.Thread(target=serve)
        thread.start()
        relay = wire.Relay(listener.getsockname()[1])
        with socket.create_connection(("127.0.0.1", relay.port), 5) as sock:
            sock.sendall(b"question")
            assert sock.recv(100) == b"long answer"
            assert sock.recv(100) == b""
        thread.join(5)
        assert relay.counts() == (1, 8, 11)
        relay.close()
