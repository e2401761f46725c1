"""Query: what the server can do (1.0 section 4.24, 1.1-1.4 4.25, 2.0 6.1.37, 2.1 6.1.40)."""

from micropython import const

_ENUMERATION = const(5)
_TEXT_STRING = const(7)

_TAG_OBJECT_GROUP = const(0x420056)
_TAG_QUERY_FUNCTION = const(0x420074)
_TAG_OBJECT_GROUPS = const(0x420166)

_QUERY_OPERATIONS = const(1)
_QUERY_OBJECTS = const(2)
_QUERY_SERVER_INFORMATION = const(3)

_E_FIELD = const(25)  # errors.py

OP = 0x18


def request(
    e, version, functions=(_QUERY_OPERATIONS, _QUERY_OBJECTS, _QUERY_SERVER_INFORMATION), groups=()
):
    """Write the payload: numbers of the enumeration Query Function, and Object Groups by name (2.1)."""
    for function in functions:
        e.put(_TAG_QUERY_FUNCTION, _ENUMERATION, function)
    if groups:
        if version < 21:
            e.fail(_E_FIELD)
        e.begin(_TAG_OBJECT_GROUPS)
        for group in groups:
            e.put(_TAG_OBJECT_GROUP, _TEXT_STRING, group)
        e.end()


def response(d, version):
    """A dict from tag to the list of its values: {0x42005C: operations, 0x420057: object types,
    0x42009D: [vendor identification], 0x420088: [server information], ...}. Allocates it."""
    answer = {}
    while d.next():
        tag = d.tag
        answer.setdefault(tag, []).append(d.value())
    return answer
