"""The server's engine, killed (SIGKILL) in the middle of Certify and of Get Usage Allocation, and what its
store holds then.

    python host_tests/server/crashing.py STATE CONFIG.json OPERATION steps        before each SQL statement
    python host_tests/server/crashing.py STATE CONFIG.json OPERATION times 50 1   at random times; a seed

A line of JSON a kill, and one at the end: how often it was killed, and what was found. Each child process is
forked, opens the store, answers requests and writes the answers into a pipe, as it would to a socket; the
parent reads how much came, and looks at the store as the next server would (check.py). It fails, with the
line that says why, when anything was answered that the store does not hold, or counted in part.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec

from tools.refserver import Engine, direct, ttlv
from tools.refserver.authority import Authority
from tools.refserver.check import check
from tools.refserver.direct import payload_of
from tools.refserver.enums import ObjectType, Operation
from tools.refserver.tags import Tag as T

CHUNK = 7
ISSUED = "issued"  # a file: the serial numbers that were signed, also in vain


def request(operation, config, key):
    uid = config["key_uid" if operation == "GET_USAGE_ALLOCATION" else "public_key_uid"]
    if operation == "GET_USAGE_ALLOCATION":
        payload = [ttlv.text(T.UNIQUE_IDENTIFIER, uid), ttlv.long_integer(T.USAGE_LIMITS_COUNT, CHUNK)]
    else:
        name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, config["device"])])
        csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        payload = [ttlv.text(T.UNIQUE_IDENTIFIER, uid), ttlv.enumeration(T.CERTIFICATE_REQUEST_TYPE, 2),
                   ttlv.byte_string(T.CERTIFICATE_REQUEST, csr.public_bytes(ser.Encoding.DER))]
    get = [(Operation.GET, [])] if operation == "CERTIFY" else []  # Certify, and what it made, in one message
    return direct.request(14, (Operation[operation], payload), *get, ordered=True if get else None)


class Killer:
    """Kills its process before the statement of this number, or in the answer, or never."""

    def __init__(self, step):
        self.left = step

    def step(self, *_):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def child(state, identity, data, killer, pipe, repeats):
    """Answer the request `repeats` times."""
    engine = Engine(state)
    real = engine.store._connect

    def connect():
        connection = real()
        connection.set_trace_callback(killer.step)
        return connection

    while not engine.store._idle.empty():
        engine.store._idle.get().close()
    engine.store._connect = connect
    issue = Authority.issue_client

    def issue_and_tell(*args, **kwargs):
        made = issue(*args, **kwargs)
        with open(os.path.join(state, "..", ISSUED), "a") as file:
            file.write("%x\n" % made.serial_number)
        killer.step()
        return made

    Authority.issue_client = issue_and_tell
    if not killer.left:
        os.write(pipe, b"!")
    for _ in range(repeats):
        answer = engine.handle(data, identity)
        killer.step()
        os.write(pipe, answer[: len(answer) // 2])
        killer.step()
        os.write(pipe, answer[len(answer) // 2:])
        killer.step()


def answers(data):
    """The whole messages in what came through the pipe."""
    found = []
    while len(data) >= 8 and len(data) >= (size := 8 + int.from_bytes(data[4:8], "big")):
        found.append(ttlv.decode(data[:size]))
        data = data[size:]
    return found


class Ledger:
    """What was asked and answered so far, and whether the store agrees."""

    def __init__(self, state, config, operation):
        self.state, self.config, self.operation = state, config, operation
        self.granted = self.asked = 0  # units
        self.given = set()  # serial numbers of certificates that were sent
        self.before = self.look()

    def look(self):
        """(remaining units, {serial number: UID} of the certificates) in a store that is whole."""
        engine = Engine(self.state)
        try:
            check(engine.store)
            with engine.store.transaction(write=False) as txn:
                certificates = {}
                for uid in txn.uids_of(self.config["device"]):
                    managed = txn.load(uid)
                    if managed.object_type == ObjectType.CERTIFICATE:
                        der = managed.material.find(T.CERTIFICATE_VALUE).value
                        certificates[x509.load_der_x509_certificate(der).serial_number] = uid
                        if managed.links(0x102) != [self.config["public_key_uid"]]:
                            raise AssertionError("a certificate without its public key")
                return txn.limits(self.config["key_uid"])[1], certificates
        finally:
            engine.close()

    def take(self, data, asked):
        """The answers of one child: how many there are, and how often the store says that it was done.

        AssertionError where that cannot be.
        """
        came = answers(data)
        remaining, certificates = self.look()
        used = self.before[0] - remaining
        made = set(certificates) - set(self.before[1])
        if self.operation == "GET_USAGE_ALLOCATION":
            for answer in came:
                payload_of(answer.find(T.BATCH_ITEM))
            if used % CHUNK or not len(came) <= used // CHUNK <= min(len(came) + 1, asked):
                raise AssertionError("%d units answered, %d counted" % (len(came) * CHUNK, used))
            self.granted += len(came) * CHUNK
        else:
            for answer in came:
                got = [item for item in answer.value if item.tag == T.BATCH_ITEM]
                der = payload_of(got[1]).find(T.CERTIFICATE).find(T.CERTIFICATE_VALUE).value
                self.given.add(x509.load_der_x509_certificate(der).serial_number)
            if not self.given <= set(certificates):
                raise AssertionError("a certificate was sent that is not recorded")
            if not len(came) <= len(made) <= len(came) + 1:
                raise AssertionError("%d certificates sent, %d recorded" % (len(came), len(made)))
            issued = {int(line, 16) for line in (Path(self.state).parent / ISSUED).read_text().split()}
            if not made <= issued:
                raise AssertionError("a certificate is recorded that was not signed")
        self.before = remaining, certificates
        return len(came), used // CHUNK if self.operation == "GET_USAGE_ALLOCATION" else len(made)


def main(state, config, operation, mode, count="0", seed="0"):
    config = json.loads(Path(config).read_text())
    key = ser.load_der_private_key((Path(state).parent / config["device"] / "key.der").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    (Path(state).parent / ISSUED).touch()
    data = request(operation, config, key)
    ledger = Ledger(state, config, operation)
    engine = Engine(state)
    identity = engine.identify(config["device"])
    engine.close()
    total = ledger.before[0]
    kills = unanswered = 0
    longest = 0.05
    random.seed(seed)
    step = 0
    while True:
        step += 1
        if mode == "times" and step > int(count):
            break
        repeats = 1 if mode == "steps" else 8
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            try:
                child(state, identity, data, Killer(step if mode == "steps" else 0), writer, repeats)
            finally:
                os._exit(0)
        os.close(writer)
        if mode == "times":
            os.read(reader, 1)  # it is ready
            time.sleep(random.uniform(0, longest))
            os.kill(pid, signal.SIGKILL)
        came = b""
        while part := os.read(reader, 65536):
            came += part
        os.close(reader)
        killed = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        number, done = ledger.take(came, repeats)
        longest *= 0.9 if number == repeats else 1.02  # so that most are killed, and late
        kills += killed
        unanswered += done > number
        if mode == "steps" and not killed:
            break
    issued = len((Path(state).parent / ISSUED).read_text().split())
    print(json.dumps({
        "operation": operation, "kills": kills, "unanswered but counted": unanswered,
        "granted": ledger.granted, "counted": total - ledger.before[0], "sent": len(ledger.given),
        "recorded": len(ledger.before[1]) - 1, "signed": issued}))


if __name__ == "__main__":
    main(*sys.argv[1:])
