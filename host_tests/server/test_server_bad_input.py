"""For every operation: a required field missing, a wrong type, an unknown field, a field twice, out of order.

The requests are made from the operations' own tables of fields, of which the other tests show that they are
the specification's; these show that every one of them is held to.
"""

import pytest
from serverkit import make_engine

from tools.refserver import ttlv
from tools.refserver.direct import Direct
from tools.refserver.enums import Operation
from tools.refserver.enums import ResultReason as R
from tools.refserver.errors import KmipError
from tools.refserver.operations import MODULES, OPERATIONS
from tools.refserver.tags import Tag as T

SAMPLES = {
    ttlv.STRUCTURE: [], ttlv.INTEGER: 1, ttlv.LONG_INTEGER: 1, ttlv.BIG_INTEGER: 1, ttlv.ENUMERATION: 1,
    ttlv.BOOLEAN: True, ttlv.TEXT_STRING: "a", ttlv.BYTE_STRING: b"a", ttlv.DATE_TIME: 1, ttlv.INTERVAL: 1,
}
CASES = [(int(module.OPERATION), version) for module in MODULES for version in (10, 12, 14, 20, 21)
         if Operation.known(module.OPERATION, version)]


def name_of(case):
    return "%s-%d" % (Operation(case[0]).name.lower(), case[1])


@pytest.fixture
def engine(tmp_path):
    engine, caller = make_engine(tmp_path / "state", newest=21)
    engine.caller = caller
    yield engine
    engine.close()


def sample(field, version, kind=None):
    """An Item for a field, whole in itself."""
    kind = field.kinds[0] if kind is None else kind
    if kind != ttlv.STRUCTURE:
        return ttlv.Item(field.tag, kind, SAMPLES[kind])
    inner = [each for each in field.fields or () if each.known(version) and each.needed(version)]
    return ttlv.Item(field.tag, kind, [sample(each, version) for each in inner])


def reason(engine, version, operation, items):
    try:
        Direct(engine, engine.caller.identity, version).call(Operation(operation), *items)
    except KmipError as error:
        return error.reason
    return None


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_bad_input(engine, case):
    operation, version = case
    fields = [each for each in OPERATIONS[operation].FIELDS if each.known(version)]
    needed = [each for each in fields if each.needed(version)]
    whole = [sample(each, version) for each in needed]
    for position in range(len(needed)):
        left = whole[:position] + whole[position + 1:]
        assert reason(engine, version, operation, left) == R.INVALID_MESSAGE, needed[position].name
    for field in fields:
        others = [item for item in whole if item.tag != field.tag]
        at = next((n for n, each in enumerate(needed) if fields.index(each) >= fields.index(field)
                   and each is not field), len(others))
        at = min(at, len(others))
        wrong = next(kind for kind in SAMPLES if kind not in field.kinds)
        item = sample(field, version, wrong)
        assert reason(engine, version, operation, others[:at] + [item] + others[at:]) == (
            R.INVALID_MESSAGE), field.name
        good = sample(field, version)
        if not field.many:
            twice = others[:at] + [good, good] + others[at:]
            assert reason(engine, version, operation, twice) == R.INVALID_MESSAGE, field.name
    unknown = ttlv.text(T.COMMENT, "what is this?")
    assert reason(engine, version, operation, [*whole, unknown]) == R.INVALID_FIELD
    assert reason(engine, version, operation, [unknown, *whole]) == R.INVALID_FIELD
    if len(whole) > 1:
        assert reason(engine, version, operation, whole[::-1]) == R.INVALID_MESSAGE
