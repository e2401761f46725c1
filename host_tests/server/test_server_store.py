"""The store: usage counted atomically, and nothing lost when the server is killed."""

import contextlib
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from serverkit import ROOT, Clock, Wire, der_to_pem, make_engine

from tools.provision import provision
from tools.refserver import Engine, direct, init, ttlv
from tools.refserver.cryptoenums import CryptographicAlgorithm, KeyFormatType
from tools.refserver.direct import Direct, attribute
from tools.refserver.enums import ObjectType, Operation
from tools.refserver.enums import ResultReason as R
from tools.refserver.errors import KmipError
from tools.refserver.tags import Tag as T

START = 1_700_000_000


def limited_key(caller, total, bits=0x84, *extra, active=True):
    return caller.register(
        ObjectType.SYMMETRIC_KEY,
        direct.key_object(T.SYMMETRIC_KEY, KeyFormatType.RAW, bytes(16),
                          CryptographicAlgorithm.AES, 128),
        attribute("Cryptographic Usage Mask", ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, bits)),
        *([attribute("Activation Date", ttlv.date_time(T.ACTIVATION_DATE, START))]
          if active else []),
        *([] if total is None else [attribute("Usage Limits", ttlv.structure(
            T.USAGE_LIMITS, ttlv.long_integer(T.USAGE_LIMITS_TOTAL, total),
            ttlv.long_integer(T.USAGE_LIMITS_COUNT, 5),  # a client's Count is ignored
            ttlv.enumeration(T.USAGE_LIMITS_UNIT, 1)))]), *extra)


def allocate(caller, uid, count):
    caller.call(Operation.GET_USAGE_ALLOCATION, ttlv.text(T.UNIQUE_IDENTIFIER, uid),
                ttlv.long_integer(T.USAGE_LIMITS_COUNT, count))


def limits(caller, uid):
    payload = caller.call(Operation.GET_ATTRIBUTES, ttlv.text(T.UNIQUE_IDENTIFIER, uid),
                          ttlv.text(T.ATTRIBUTE_NAME, "Usage Limits"))
    return [item.value for item in payload.find(T.ATTRIBUTE).find(T.ATTRIBUTE_VALUE).value]


def failure(function, *args):
    with pytest.raises(KmipError) as caught:
        function(*args)
    return caught.value.reason


def test_all_or_nothing(tmp_path):
    _, meter = make_engine(tmp_path / "state", Clock(START))
    uid = limited_key(meter, 1000)
    assert limits(meter, uid) == [1000, 1000, 1]
    allocate(meter, uid, 600)
    assert limits(meter, uid) == [1000, 400, 1]
    assert failure(allocate, meter, uid, 401) == R.PERMISSION_DENIED
    assert limits(meter, uid) == [1000, 400, 1]
    allocate(meter, uid, 400)
    assert failure(allocate, meter, uid, 1) == R.PERMISSION_DENIED


def test_the_reasons_of_11_19(tmp_path):
    clock = Clock(START)
    _, meter = make_engine(tmp_path / "state", clock)
    assert failure(allocate, meter, "nothing", 1) == R.ITEM_NOT_FOUND
    assert failure(allocate, meter, limited_key(meter, None), 1) == R.ILLEGAL_OPERATION
    assert failure(allocate, meter, limited_key(meter, 9, 0x108), 1) == R.ILLEGAL_OPERATION
    assert failure(allocate, meter, limited_key(meter, 9, 4, active=False), 1) == (
        R.PERMISSION_DENIED)
    stop = attribute("Protect Stop Date", ttlv.date_time(T.PROTECT_STOP_DATE, START + 5))
    stopping = limited_key(meter, 9, 4, stop)
    allocate(meter, stopping, 1)
    clock.now += 5
    assert failure(allocate, meter, stopping, 1) == R.PERMISSION_DENIED
    for count in (0, -1):
        assert failure(allocate, meter, limited_key(meter, 9), count) == R.INVALID_FIELD
    with pytest.raises(KmipError):
        limited_key(meter, -1)


def test_threads_never_get_more_than_there_is(tmp_path):
    engine, meter = make_engine(tmp_path / "state", Clock(START))
    uid = limited_key(meter, 100)
    granted = []

    def work():
        caller = Direct(engine, meter.identity)
        for _ in range(10):
            try:
                allocate(caller, uid, 7)
                granted.append(7)
            except KmipError as error:
                assert error.reason == R.PERMISSION_DENIED
    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 98
    assert limits(meter, uid) == [100, 2, 1]


_TAKER = """
import sys
from tools.refserver import Engine, Identity, ttlv
from tools.refserver.direct import Direct
from tools.refserver.enums import Operation
from tools.refserver.errors import KmipError
from tools.refserver.tags import Tag as T
caller = Direct(Engine(sys.argv[1]), Identity("meter-0001"))
got = 0
for _ in range(20):
    try:
        caller.call(Operation.GET_USAGE_ALLOCATION, ttlv.text(T.UNIQUE_IDENTIFIER, sys.argv[2]),
                    ttlv.long_integer(T.USAGE_LIMITS_COUNT, 3))
        got += 3
    except KmipError:
        pass
print(got)
"""


def test_processes_never_get_more_than_there_is(tmp_path):
    _, meter = make_engine(tmp_path / "state", Clock(START))
    uid = limited_key(meter, 50)
    takers = [subprocess.Popen([sys.executable, "-c", _TAKER, str(tmp_path / "state"), uid],
                               cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sum(int(taker.communicate(timeout=60)[0]) for taker in takers) == 48
    assert limits(meter, uid) == [50, 2, 1]


def serve(state, tmp_path, *options):
    """A server process; (process, port)."""
    port_file = tmp_path / "port"
    port_file.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.refserver", "serve", "--dir", str(state), "--listen",
         "127.0.0.1:0", "--port-file", str(port_file), *options],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not port_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError("no server: %s" % process.communicate()[1])
        time.sleep(0.02)
    return process, int(port_file.read_text())


def test_what_was_answered_survives_kill_9(tmp_path):
    """Renewals and allocations whose answers arrived are there when the server comes back."""
    state, out = tmp_path / "state", tmp_path / "meter"
    init(state, life=600)
    config = provision(state, "meter-0001", out, usage_total=10**6)
    files = der_to_pem(out)
    chain, used = [config["cert_uid"]], 0
    for _ in range(4):
        process, port = serve(state, tmp_path)
        with Wire(port, files) as wire:
            for _ in range(5):
                item = wire.call(Operation.RE_CERTIFY, ttlv.text(T.UNIQUE_IDENTIFIER, chain[-1]))
                chain.append(direct.payload_of(item).find(T.UNIQUE_IDENTIFIER).value)
                direct.payload_of(wire.call(
                    Operation.GET_USAGE_ALLOCATION,
                    ttlv.text(T.UNIQUE_IDENTIFIER, config["key_uid"]),
                    ttlv.long_integer(T.USAGE_LIMITS_COUNT, 10)))
                used += 10
            # One more is under way when the server dies: it happened as a whole or not at all.
            wire.tls.sendall(direct.request(14, (
                Operation.RE_CERTIFY, [ttlv.text(T.UNIQUE_IDENTIFIER, chain[-1])])))
            os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)
        engine = Engine(state)
        with engine.store.transaction(write=False) as transaction:
            assert transaction.limits(config["key_uid"])[1] == 10**6 - used
            for before, after in itertools.pairwise(chain):
                assert transaction.load(before).links(0x106) == [after]
                assert transaction.load(after).links(0x107) == [before]
            last = transaction.load(chain[-1])
            more = last.links(0x106)
            if more:
                assert transaction.load(more[0]).links(0x107) == [chain[-1]]
                assert last.names() == []
                chain.append(more[0])
            assert transaction.load(chain[-1]).names() == [("meter-0001/certificate", 1)]
            assert transaction.load(config["public_key_uid"]).links(0x101) == [chain[-1]]
        engine.close()
        database = sqlite3.connect(state / "objects.db")
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
    assert len(chain) >= 21


def test_a_failed_commit_is_a_failure_not_a_success(tmp_path):
    engine, meter = make_engine(tmp_path / "state", Clock(START))
    engine.unexpected = lambda error: None
    real = engine.store.transaction
    @contextlib.contextmanager
    def no_commit(write=True):
        with real(write) as transaction:
            yield transaction
            if write:
                raise sqlite3.OperationalError("disk I/O error")
    engine.store.transaction = no_commit
    item = meter.send((Operation.CREATE, [
        ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY), direct.template(
            attribute("Cryptographic Algorithm", ttlv.enumeration(T.STATE, 3)),
            attribute("Cryptographic Usage Mask", ttlv.integer(T.STATE, 4)))]))
    items = [sub for sub in item.value if sub.tag == T.BATCH_ITEM]
    assert [sub.find(T.RESULT_REASON).value for sub in items] == [R.GENERAL_FAILURE]
    engine.store.transaction = real
    assert meter.call(Operation.LOCATE).find(T.LOCATED_ITEMS).value == 0
