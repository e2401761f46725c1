"""The engine: request bytes and an identity in, response bytes out. It knows no socket."""

import contextlib
import hmac
import time
import uuid
from pathlib import Path

from . import message, notices, policy, rollover, state, ttlv, vault
from .authority import METER_CA, Authority
from .context import Batch, Context
from .enums import Operation, ResultStatus, State
from .errors import KmipError, Reason, invalid_message
from .message import Answer
from .notice_rows import NONE, PUTS, Endpoint
from .operations import OPERATIONS
from .options import Options
from .pending import Pending
from .policy import Identity
from .schema import parse
from .store import DATABASE, Store


class Outcome:
    """What handling one request came to: for logs and tests."""

    def __init__(self, identity):
        self.identity = identity
        self.version = message.OLDEST
        self.answers = []
        self.response = b""
        self.close = False  # the connection cannot be trusted or is not wanted any more


class Engine:
    """Answers requests against a state folder.

    clock    gives the time in seconds (an int or a float)
    new_uid  gives a new Unique Identifier
    new_correlation  gives a new Asynchronous Correlation Value
    key_file  where the store key is, see vault.find_key()
    Other keyword arguments override settings of the folder's config.json (see Options).
    It may be called from several threads.
    """

    def __init__(self, folder, clock=time.time, new_uid=None, new_correlation=None, key_file=None,
                 **overrides):
        self.folder = Path(folder)
        self.options = Options.load(folder, **overrides)
        self.vault = vault.load(folder, key_file)
        self.store = Store(self.folder / DATABASE, self.vault)
        self.store.watcher = lambda txn: notices.note(self, txn)
        self.reload()
        self.operations = dict(OPERATIONS)
        self.pending = Pending(self, new_correlation)
        self.new_uid = new_uid or (lambda: str(uuid.uuid4()))
        self._clock = clock

    def close(self):
        self.store.close()

    def reload(self):
        """Read the meter CA anew: it may have been rolled over."""
        self.meter_ca = Authority.load(self.folder, METER_CA, self.vault)
        self.crosses = rollover.crosses(self.folder, METER_CA)

    def now(self):
        """The time in whole seconds."""
        return int(self._clock())

    # identities

    def add_device(self, device, common_name=None, role=policy.DEVICE):
        """Let a client certificate's CN (the device id itself by default) act for a device.

        ValueError where the CN acts for another device already. A revoked one stays revoked.
        """
        policy.check_device_id(device)
        common_name = policy.check_device_id(common_name or device)
        if role not in policy.ROLES:
            raise ValueError("role %r is none of %s" % (role, ", ".join(policy.ROLES)))
        with self.store.transaction() as transaction:
            row = transaction.device(common_name)
            if row is not None and row[0] != device:
                raise ValueError("%s acts for device %s already" % (common_name, row[0]))
            transaction.put_device(common_name, device, role)
        return Identity(device, role, common_name)

    def revoke_device(self, device, revoked=True):
        """Refuse every identity of a device from now on."""
        with self.store.transaction() as transaction:
            if not transaction.revoke_device(device, revoked):
                raise ValueError("there is no device %r" % device)

    def set_endpoint(self, device, host, port, version=12, puts=NONE, own=False):
        """Tell a device of what happens to its objects, where it listens (see notice_rows.Endpoint)."""
        if version not in self.options.versions:
            raise ValueError("a version is one of %s" % ", ".join(map(str, self.options.versions)))
        if puts not in PUTS:
            raise ValueError("what is put is one of %s" % ", ".join(PUTS))
        if not 0 < port < 1 << 16:
            raise ValueError("there is no port %d" % port)
        with self.store.transaction() as transaction:
            transaction.put_endpoint(Endpoint(policy.check_device_id(device), host, port, version, puts, own))

    def drop_endpoint(self, device):
        """Tell a device nothing any more."""
        with self.store.transaction() as transaction:
            transaction.drop_endpoint(device)

    def forget_device(self, device):
        """Remove a device and its objects, as if it had never been; how many objects went."""
        with self.store.transaction() as transaction:
            return transaction.forget(device)

    def identify(self, common_name, fingerprint=None, issuer=None, expires=None):
        """The Identity of a client certificate's CN; None if the table does not know it."""
        with self.store.transaction(write=False) as transaction:
            row = transaction.device(common_name)
        if row is None:
            return None
        return Identity(row[0], row[1], common_name, fingerprint, issuer, expires)

    def _check_identity(self, identity):
        """Authentication Not Successful for an unknown or revoked one; asked at each request."""
        failed = Reason.AUTHENTICATION_NOT_SUCCESSFUL
        if identity is None:
            raise KmipError(failed, "the client certificate names no known device")
        if identity.expires is not None and identity.expires + policy.GRACE < time.time():
            raise KmipError(failed, "the client certificate has expired")  # while it was connected
        with self.store.transaction(write=False) as transaction:
            row = transaction.device(identity.common_name)
            if row is None or row[0] != identity.device or row[1] != identity.role:
                raise KmipError(failed, "the device is not known")
            if row[2]:
                raise KmipError(failed, "the device is revoked")
            if identity.fingerprint is not None:
                uid = transaction.certificate_uid(identity.fingerprint)
                managed = uid and transaction.load(uid)
                if managed and self._revoked(managed):
                    raise KmipError(failed, "the client certificate is revoked")

    def accepts(self, identity):
        """Whether an identity is known and not revoked."""
        try:
            self._check_identity(identity)
        except KmipError:
            return False
        return True

    def _check_passwords(self, request):
        known = self.options.passwords
        for username, password in message.passwords(request.header) if known else ():
            expected = known.get(username)
            if expected is None or not hmac.compare_digest((password or "").encode(), expected.encode()):
                raise KmipError(Reason.AUTHENTICATION_NOT_SUCCESSFUL, "the credential is not accepted")

    def _revoked(self, managed):
        now = state.current(managed, self.now())
        return managed.get("Revocation Reason") is not None and now in (
            State.DEACTIVATED, State.COMPROMISED, State.DESTROYED, State.DESTROYED_COMPROMISED)

    # requests

    def handle(self, request, identity):
        """The response to a request, both as bytes. It raises nothing for bad input."""
        return self.process(request, identity).response

    def process(self, data, identity):
        """The same, as an Outcome."""
        outcome = Outcome(identity)
        now = self.now()
        try:
            tree = ttlv.decode(data)
        except ttlv.TTLVError as error:
            outcome.close = True
            return self._refuse(outcome, now, invalid_message("the message is malformed: %s"
                                                              % error))
        claimed = message.salvage_version(tree)
        if claimed is not None:
            outcome.version = message.understood(claimed, self.options.versions) or message.OLDEST
        try:
            request = message.parse_request(tree, self.options.versions)
            self._check_identity(identity)
            self._check_passwords(request)
        except KmipError as error:
            outcome.close = error.reason == Reason.AUTHENTICATION_NOT_SUCCESSFUL
            return self._refuse(outcome, now, error)
        self.pending.settle(identity.device)
        self._run_batch(request, outcome, now)
        return outcome

    def _refuse(self, outcome, now, error):
        outcome.answers = [Answer.failed(error, outcome.version)]
        outcome.response = message.refusal(outcome.version, now, error)
        return outcome

    def _run_batch(self, request, outcome, now):
        batch = Batch.of(request)
        room = _Room(request, now, self.new_uid)
        if request.undoes:
            try:
                with self.store.transaction() as txn:
                    self._run_items(request, batch, outcome, room, txn)
                    if outcome.answers[-1].reason is not None:
                        raise _Undo
            except _Undo:
                room.undo(outcome.answers)
            except Exception as error:  # the store's
                self.unexpected(error)
                self._refuse(outcome, now, KmipError(
                    Reason.GENERAL_FAILURE, "the server failed internally"))
                return
        else:
            self._run_items(request, batch, outcome, room, None)
        outcome.response = room.response()

    def _run_items(self, request, batch, outcome, room, txn):
        for position, item in enumerate(request.items):
            answer = self._run_item(request, batch, item, outcome.identity, room, position, txn)
            outcome.answers.append(answer)
            batch.note(answer)
            if batch.halted or (answer.reason is not None and not request.continues):
                break

    def _run_item(self, request, batch, item, identity, room, position, txn):
        """Run one item in its own transaction, or in that of a batch that may be undone.

        What does not fit into the answer is undone.
        """
        placeholder, halted = batch.placeholder, batch.halted
        try:
            module = self._module(request, item, identity)
            fields = parse(item.request_payload, module.FIELDS, request.version, request.lenient)
            context = Context(self, identity, request, batch, self.now(), item.operation)
            context.txn = txn
            rule = None if txn else self.pending.rule_for(request, batch, item.operation)
            if rule is None and hasattr(module, "prepare"):
                module.prepare(context, fields)
            with (contextlib.nullcontext(txn) if txn else
                  self.store.transaction(module.WRITES or rule is not None)) as context.txn:
                context.txn.asker = identity
                if rule is None:
                    answer = module.run(context, fields)
                else:
                    answer = self.pending.defer(context, item, rule)
                if not isinstance(answer, Answer):
                    answer = Answer(item.operation, payload=answer)
                answer.batch_id = item.unique_batch_item_id
                room.take(answer, position)
            if rule is not None:
                self.pending.answered(request, batch, answer.correlation)
            return answer
        except KmipError as error:
            failure = error
        except Exception as error:
            self.unexpected(error)
            failure = KmipError(Reason.GENERAL_FAILURE, "the server failed internally")
        if batch.halted == halted:
            batch.placeholder = placeholder
        answer = Answer.failed(failure, request.version, item.operation,
                               item.unique_batch_item_id)
        room.take_failure(answer, position)
        return answer

    def _module(self, request, item, identity):
        operation = item.operation
        module = self.operations.get(operation)
        if module is None or not Operation.known(operation, request.version):
            raise KmipError(Reason.OPERATION_NOT_SUPPORTED,
                            "operation %X is not supported in KMIP %d.%d"
                            % (operation, *divmod(request.version, 10)))
        policy.check_operation(identity, operation)
        return module

    def unexpected(self, error):
        """A defect of the server itself; tests replace this to see it."""


class _Undo(Exception):
    """A batch with the option Undo failed: its transaction is rolled back."""


class _Room:
    """The response under construction and what of Maximum Response Size is left.

    An answer that does not fit raises Response Too Large inside its transaction, so that the
    operation has no effect. Room for the bare errors of later items is kept back.
    """

    def __init__(self, request, now, new_value):
        self.request = request
        self.now = now
        header = request.header
        # Given to a client that uses correlation values itself (1.4 on).
        self.correlation = new_value() if (
            header.client_correlation_value or header.server_correlation_value) else None
        self.items = []

    def _message(self, items):
        return message.response(
            self.request.version, self.now, items, self.request.header.client_correlation_value,
            self.correlation)

    def take(self, answer, position):
        items = self.items + [answer.item()]
        limit = self.request.max_response
        if limit is not None:
            size = len(self._message(items))
            later = self.request.items[position + 1:]
            if not self.request.continues:
                later = later[:1]
            reserve = sum(_bare_size(item) for item in later)
            if size + reserve > limit:
                raise message.too_large(size, limit)
        self.items = items

    def take_failure(self, answer, position):
        """A failure always goes in; its Result Message and payload give way where need be."""
        del self.items[position:]  # a success whose commit failed
        limit = self.request.max_response
        if limit is not None and len(self._message(self.items + [answer.item()])) > limit:
            answer.message = answer.payload = None
        self.items.append(answer.item())

    def undo(self, answers):
        """What succeeded before the last, failed item is undone."""
        for position, answer in enumerate(answers[:-1]):
            answer.status = ResultStatus.OPERATION_UNDONE
            self.items[position] = answer.item()

    def response(self):
        return self._message(self.items)


def _bare_size(item):
    """Bytes of a failed Batch Item without Result Message."""
    return len(ttlv.encode(Answer(
        item.operation, item.unique_batch_item_id, reason=Reason.GENERAL_FAILURE).item()))
