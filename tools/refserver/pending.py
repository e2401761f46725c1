"""Requests that are worked on behind the client's back: Pending, Poll and Cancel (KMIP 1.x §6.7).

A rule for an operation says when it is answered Pending and what has to happen then. It is a text:

    always                      done when it is polled for the first time
    delay 5                     done five seconds later
    approve                     done once an operator approved it (python -m tools.refserver approve)
    forever                     never done
    fail PERMISSION_DENIED      ends in this Result Reason; may stand with one of the others

and with any of them

    demand          it cannot be done at once: without an offer of the client it fails with Operation Not
                    Supported in 1.0 and 1.1 (§11.1). From 1.2 on a client that offers nothing is answered
                    at once; what waits for an operator or for ever is then Permission Denied
    uncancellable   Cancel answers Unable to Cancel

Only what a client offers (Asynchronous Indicator) is answered Pending. The requests are in the store,
with their answers, so that they outlive a restart; they belong to the device that made them. What time or
an operator has released is worked on at the device's next request, in one transaction with its answer.
An answer can be polled for again until it expires.
"""

import secrets

from . import message, policy, ttlv
from .context import Batch, Context
from .enums import Operation, ResultReason, ResultStatus
from .errors import KmipError, Reason, denied, not_found
from .message import Answer
from .pending_rows import APPROVAL, CANCELED, FAILED, NEVER, POLL, SUCCEEDED, TIME, WAITING, Row
from .schema import parse
from .tags import Tag as T

ALWAYS_AT_ONCE = (Operation.POLL, Operation.CANCEL, Operation.DISCOVER_VERSIONS)
MOST = 64  # asynchronous requests that a device may have here

# What becomes of the items behind a Pending one in an ordered batch (option `after_pending`):
EMPTY = "empty"  # they go on; the ID Placeholder is empty, for what it would be is not known yet
STALE = "stale"  # they go on; the ID Placeholder still is what it was before
STOP = "stop"  # they are absent
PEND = "pend"  # they are Pending as well, and done after it, with the ID Placeholder that it leaves
AFTER = (EMPTY, STALE, STOP, PEND)


class Rule:
    """One operation's rule, out of the text described above; ValueError for any other text."""

    def __init__(self, text):
        self.text = text
        self.ready = POLL
        self.delay = 0
        self.failure = None
        self.demand = False
        self.cancellable = True
        words = text.replace(",", " ").split()
        if not words:
            raise ValueError("a rule for asynchronous answers is empty")
        words = iter(words)
        for word in words:
            try:
                self._take(word, words)
            except (StopIteration, KeyError, ValueError):
                raise ValueError("a rule for asynchronous answers cannot be %r" % text)

    def _take(self, word, words):
        if word == "delay":
            self.ready, self.delay = TIME, int(next(words))
            if self.delay < 0:
                raise ValueError
        elif word == "fail":
            self.failure = ResultReason[next(words).upper()]
        elif word == "demand":
            self.demand = True
        elif word == "uncancellable":
            self.cancellable = False
        else:
            self.ready = {"always": POLL, "approve": APPROVAL, "forever": NEVER}[word]


class Pending:
    """The asynchronous requests of an engine. `rules` maps an Operation to its Rule."""

    def __init__(self, engine, new_correlation=None):
        self._engine = engine
        self._new_correlation = new_correlation or (lambda: secrets.token_bytes(8))
        self.rules = {}
        for name, text in engine.options.asynchronous.items():
            self.set(name, text)

    def set(self, operation, text):
        """Give an operation (an Operation, or its name) a rule; "never" takes it away."""
        if isinstance(operation, str):
            name = operation.upper().replace("-", "_").replace(" ", "_")
            if name not in Operation.__members__:
                raise ValueError("there is no operation %r" % operation)
            operation = Operation[name]
        if operation in ALWAYS_AT_ONCE:
            raise ValueError("%s is never asynchronous" % Operation(operation).name)
        if text == "never":
            self.rules.pop(operation, None)
        else:
            self.rules[operation] = Rule(text)

    # a request comes

    def rule_for(self, request, batch, operation):
        """The Rule under which this item is answered Pending, or None where it is done at once."""
        if operation in ALWAYS_AT_ONCE:
            return None
        if batch.behind is not None:
            return Rule("always")
        rule = self.rules.get(operation)
        if rule is None and request.wants_asynchronous:
            return Rule("always")  # 2.x: Mandatory
        if rule is None or request.offers_asynchronous:
            return rule
        if rule.demand and request.version < 12:
            raise KmipError(Reason.OPERATION_NOT_SUPPORTED,
                            "this cannot be done at once, and no Asynchronous Indicator offers to wait")
        if rule.demand and rule.ready in (APPROVAL, NEVER):
            raise denied("this waits for an operator, and no Asynchronous Indicator offers to wait")
        return None

    def defer(self, ctx, item, rule):
        """Store the request of a batch item within the context's transaction; the Pending answer."""
        engine, identity = self._engine, ctx.identity
        if ctx.txn.count_pending(identity.device) >= MOST:
            raise denied("%s has %d asynchronous requests already" % (identity.device, MOST))
        correlation = self._new_correlation()
        ctx.txn.add_pending(Row(
            None, correlation, identity.device, identity.common_name, identity.role,
            int(item.operation), ctx.version, int(ctx.lenient), ttlv.encode(item.request_payload),
            ctx.batch.placeholder if ctx.batch.usable else None, ctx.batch.behind, rule.ready,
            ctx.now + rule.delay, rule.failure and int(rule.failure), int(rule.cancellable), WAITING,
            None, ctx.now + engine.options.pending_seconds))
        return Answer(item.operation, item.unique_batch_item_id, ResultStatus.OPERATION_PENDING,
                      correlation=correlation)

    def answered(self, request, batch, correlation):
        """An item of the batch was answered Pending: what the items behind it will find."""
        after = self._engine.options.after_pending
        if after == EMPTY:
            batch.placeholder = None
        elif after == STOP:
            batch.halted = True
        elif after == PEND and request.ordered:
            batch.behind = correlation

    # a request goes on

    def settle(self, device, polled=None):
        """Work on what is ready among a device's requests; `polled`: the one that is asked for now."""
        engine = self._engine
        now = engine.now()
        with engine.store.transaction(write=False) as txn:
            rows = txn.pending_of(device)
        if any(row.expires <= now for row in rows):
            with engine.store.transaction() as txn:
                txn.drop_pending(now)
        for row in rows:
            if row.status == WAITING and row.expires > now and (
                    (row.ready == TIME and row.due <= now)
                    or (row.ready == POLL and row.correlation == polled)):
                self._work(row)

    def _work(self, row):
        engine = self._engine
        placeholder = row.placeholder
        failure = None
        if row.follows is not None:
            with engine.store.transaction(write=False) as txn:
                first = txn.pending(row.follows)
            if first is not None and first.status == WAITING:
                return
            if first is None or first.status != SUCCEEDED:
                failure = not_found("the request before it in its batch came to nothing")
            else:
                placeholder = first.placeholder
        if row.failure is not None:
            failure = KmipError(Reason(row.failure), "the request was turned down")
        try:
            identity = engine.identify(row.common_name)
            if failure is None and not engine.accepts(identity):
                failure = denied("the device that asked is not known any more, or revoked")
            if failure is not None:
                raise failure
            self._perform(row, identity, placeholder)
        except KmipError as error:
            self._end(row, Answer.failed(error, row.version, row.operation))
        except Exception as error:
            engine.unexpected(error)
            error = KmipError(Reason.GENERAL_FAILURE, "the server failed internally")
            self._end(row, Answer.failed(error, row.version, row.operation))

    def _perform(self, row, identity, placeholder):
        """Do what was asked, in one transaction with the note that it is done."""
        engine = self._engine
        batch = Batch(placeholder)
        request = message.Deferred(row.version, bool(row.lenient))
        context = Context(engine, identity, request, batch, engine.now(), row.operation)
        module = engine.operations[row.operation]
        fields = parse(ttlv.decode(row.payload), module.FIELDS, row.version, bool(row.lenient))
        if hasattr(module, "prepare"):
            module.prepare(context, fields)
        with engine.store.transaction() as context.txn:
            if self._still_waiting(context.txn, row):
                answer = Answer(row.operation, payload=module.run(context, fields))
                self._keep(context.txn, row, SUCCEEDED, answer, batch.placeholder)

    def _end(self, row, answer):
        with self._engine.store.transaction() as txn:
            if self._still_waiting(txn, row):
                self._keep(txn, row, FAILED, answer, None)

    @staticmethod
    def _still_waiting(txn, row):
        now = txn.pending(row.correlation)
        return now is not None and now.status == WAITING

    def _keep(self, txn, row, status, answer, placeholder):
        txn.end_pending(row.correlation, status, ttlv.encode(answer.item()), placeholder,
                        self._engine.now() + self._engine.options.pending_seconds)

    # Poll, Cancel and the operator

    def find(self, txn, identity, correlation):
        """The Row that this identity may ask for, or None."""
        row = txn.pending(correlation)
        if row is None or row.device != identity.device or row.expires <= self._engine.now():
            return None
        if identity.role == policy.BOOTSTRAP and row.role != identity.role:
            return None
        return row

    def requests(self, device=None):
        """What is pending or finished: Rows, oldest first."""
        with self._engine.store.transaction(write=False) as txn:
            return txn.pending_of(device)

    def approve(self, device=None, correlation=None, refuse=False):
        """Let the requests of a device that wait for an operator go on (or fail with Permission Denied).

        All of them, or the one with this correlation value (bytes). They are worked on at the device's
        next request. Returns how many there were.
        """
        with self._engine.store.transaction() as txn:
            rows = [row for row in txn.pending_of(device)
                    if row.status == WAITING and row.ready == APPROVAL
                    and correlation in (None, row.correlation)]
            for row in rows:
                txn.approve_pending(
                    row.correlation, int(Reason.PERMISSION_DENIED) if refuse else None)
        return len(rows)


def answer_of(row, version):
    """What Poll answers for a Row: the original operation's answer, or that it is still pending."""
    if row.status == WAITING:
        return Answer(Operation.POLL, status=ResultStatus.OPERATION_PENDING, correlation=row.correlation)
    if row.status == CANCELED:
        return Answer.failed(
            KmipError(Reason.OPERATION_CANCELED_BY_REQUESTER, "the request was canceled"), version,
            row.operation)
    item = ttlv.decode(row.answer)
    reason, text = item.find(T.RESULT_REASON), item.find(T.RESULT_MESSAGE)
    payload = item.find(T.RESPONSE_PAYLOAD)
    return Answer(
        row.operation, None, ResultStatus(item.find(T.RESULT_STATUS).value),
        reason and reason.value, text and text.value, payload=payload and payload.value)


def unknown(version):
    """The error for a correlation value that is not, or not any more, the asker's."""
    text = "the Asynchronous Correlation Value is not known"
    if version >= 20:
        return KmipError(Reason.INVALID_ASYNCHRONOUS_CORRELATION_VALUE, text)
    return not_found(text)
