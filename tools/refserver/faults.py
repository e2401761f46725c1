"""Faults on demand, for tests: the server misbehaves for chosen requests.

    server.faults.add(delay=2)                                 answer late
    server.faults.add(cut=40)                                  40 bytes of the answer, then close
    server.faults.add(close=True)                              work, but close without an answer
    server.faults.add(lose=True)                               close before the request is handled
    server.faults.add(replace=faults.malformed())              another answer instead
    server.faults.add(operation=Operation.GET, skip=1, times=2, cut=0)

A fault applies to the next request (or the next that holds `operation`, after `skip` of them),
`times` times.
"""

import struct
import threading
import time

from . import message, ttlv
from .enums import ResultReason
from .errors import KmipError
from .tags import Tag as T


class Fault:
    def __init__(self, operation=None, skip=0, times=1, delay=0, cut=None, close=False,
                 lose=False, replace=None):
        self.operation = operation
        self.skip = skip
        self.times = times
        self.delay = delay
        self.cut = cut
        self.close = close
        self.lose = lose
        self.replace = replace


class Faults:
    """The faults waiting to happen; safe to use while the server runs."""

    def __init__(self):
        self._faults = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def add(self, **what):
        with self._lock:
            self._faults.append(Fault(**what))

    def clear(self):
        with self._lock:
            self._faults.clear()

    def stop(self):
        """End every delay at once."""
        self._stopping.set()

    def take(self, request):
        """The Fault for this request, or None."""
        if not self._faults:
            return None
        operations = _operations(request)
        with self._lock:
            for fault in self._faults:
                if fault.operation is not None and int(fault.operation) not in operations:
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    return None
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
                return fault
        return None

    def distort(self, fault, request, response):
        """(bytes to send, whether to close then) after the fault has had its way."""
        if fault.delay:
            self._stopping.wait(fault.delay)
        if fault.close:
            return b"", True
        if fault.replace is not None:
            response = fault.replace(request, response)
        if fault.cut is not None:
            return response[:fault.cut], True
        return response, False


def _operations(request):
    try:
        tree = ttlv.decode(request)
        return [item.find(T.OPERATION).value for item in tree.value if item.tag == T.BATCH_ITEM]
    except (ttlv.TTLVError, AttributeError, TypeError):
        return []


# What `replace` may be: functions of (request, response) that give the bytes to send.


def edited(change):
    """The answer with change(its tree) done to it."""
    def replace(request, response):
        tree = ttlv.decode(response)
        change(tree)
        return ttlv.encode(tree)
    return replace


def _each(tree, tag, change):
    for item in tree.value:
        if item.tag == tag:
            item.value = change(item.value)
        elif item.type == ttlv.STRUCTURE and item.tag in (T.BATCH_ITEM, T.RESPONSE_HEADER,
                                                          T.PROTOCOL_VERSION):
            _each(item, tag, change)


def wrong_reason(reason=ResultReason.GENERAL_FAILURE, text="a fault on demand"):
    """The whole request refused for this Result Reason."""
    def replace(request, response):
        error = KmipError(ResultReason(reason), text)
        claimed = message.salvage_version(ttlv.decode(request)) or (1, 0)
        return message.refusal(claimed[0] * 10 + claimed[1], int(time.time()), error)
    return replace


def other_operation(operation):
    """The answer says that it is to another operation."""
    return edited(lambda tree: _each(tree, T.OPERATION, lambda value: int(operation)))


def other_version(major, minor):
    """The answer's header says another protocol version."""
    def change(tree):
        _each(tree, T.PROTOCOL_VERSION_MAJOR, lambda value: major)
        _each(tree, T.PROTOCOL_VERSION_MINOR, lambda value: minor)
    return edited(change)


def malformed(position=3, value=0xEE):
    """One byte of the answer overwritten (by default the type of the outer item)."""
    def replace(request, response):
        broken = bytearray(response)
        broken[position % len(broken)] = value
        return bytes(broken)
    return replace


def oversized(size):
    """A well-formed answer of at least this many bytes: a long Result Message is put in."""
    def change(tree):
        item = next(sub for sub in tree.value if sub.tag == T.BATCH_ITEM)
        at = [sub.tag for sub in item.value].index(T.RESULT_STATUS) + 1
        item.value.insert(at, ttlv.text(T.RESULT_MESSAGE, "x" * size))
    return edited(change)


def claimed_length(length):
    """The answer's header claims this length, whatever follows."""
    def replace(request, response):
        return response[:4] + struct.pack(">I", length) + response[8:]
    return replace
