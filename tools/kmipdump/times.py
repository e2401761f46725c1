"""Dates as ISO 8601 and back. KMIP counts seconds (Date-Time) or microseconds (Date-Time Extended) from
1970, in 64 bits: far beyond what a calendar of four-digit years has."""

import re
from datetime import UTC, datetime, timedelta

from . import items

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def iso(kind, value, zone="Z"):
    """"2012-04-27T08:14:41Z" of a Date-Time or Date-Time Extended, or None outside the years 1 to 9999."""
    extended = kind == items.DATE_TIME_EXTENDED
    try:
        when = _EPOCH + (timedelta(microseconds=value) if extended else timedelta(seconds=value))
    except OverflowError:
        return None
    return when.replace(tzinfo=None).isoformat(timespec="microseconds" if extended else "seconds") + zone


def number(kind, text):
    """The count of an ISO 8601 date with its zone; None if it is none, or finer than the type."""
    if not _ISO.fullmatch(text):
        return None
    try:
        count = (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
    if kind == items.DATE_TIME_EXTENDED:
        return count
    return None if count % 1000000 else count // 1000000
