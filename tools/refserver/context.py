"""What an operation works with: the transaction, who asks, the version, the time, the batch."""

from . import policy
from .enums import ObjectType, Operation, ResultStatus, UniqueIdentifier
from .errors import KmipError, Reason, invalid_message, not_found
from .schema import ENUMERATION, INTEGER, TEXT_STRING, check_enum
from .tags import Tag as T

_UIDS = {
    T.UNIQUE_IDENTIFIER: "",
    T.PRIVATE_KEY_UNIQUE_IDENTIFIER: "_PRIVATE_KEY",
    T.PUBLIC_KEY_UNIQUE_IDENTIFIER: "_PUBLIC_KEY",
}
ID_PLACEHOLDER = UniqueIdentifier.ID_PLACEHOLDER


class Batch:
    """State that lives for one request: the ID Placeholder (KMIP 1.x §4)."""

    def __init__(self, placeholder=None, usable=True):
        self.placeholder = placeholder
        self.usable = usable
        self.halted = False  # nothing behind this item is done: a failed Check, say
        self.uids = []  # every Unique Identifier that its answers gave
        self.made = {}  # UniqueIdentifier (2.x): the last one that such an operation gave
        self.behind = None  # correlation value of the Pending item that has to be done first

    def note(self, answer):
        """Remember the Unique Identifiers that an answer gives, for the items behind it."""
        if answer.status != ResultStatus.SUCCESS:
            return
        for item in answer.payload or ():
            if item is not None and item.tag in _UIDS:
                self.uids.append(item.value)
                operation = Operation(answer.operation).name
                for name in (operation, operation + _UIDS[item.tag]):
                    if name in UniqueIdentifier.__members__:
                        self.made[UniqueIdentifier[name]] = item.value

    @classmethod
    def of(cls, request):
        return cls(None, len(request.items) == 1 or (request.ordered and not request.continues))


class Context:
    """What one batch item works with. `txn` is there once prepare() is through."""

    def __init__(self, engine, identity, request, batch, now, operation=None):
        self.engine = engine
        self.txn = None
        self.prepared = None  # what the operation's prepare() leaves for its run()
        self.identity = identity
        self.operation = operation
        self.version = request.version
        self.lenient = request.lenient
        self.batch = batch
        self.now = now

    def uid(self, given):
        """The UID of a request (an Item or a str), or the ID Placeholder where it gives none.

        2.x has an Enumeration for the ID Placeholder and for what an operation of the batch made, and an
        Integer for the nth UID of the batch, from 0, or backwards from -1 (S21 §4.58).
        """
        if isinstance(given, str) or (given is not None and given.type == TEXT_STRING):
            return given if isinstance(given, str) else given.value
        if given is None or (given.value == ID_PLACEHOLDER and given.type == ENUMERATION):
            if given is not None:
                self._only_2x()
            return self._placeholder()
        self._only_2x()
        if given.type == INTEGER:
            if not -len(self.batch.uids) <= given.value < len(self.batch.uids):
                raise not_found("the batch has no Unique Identifier number %d so far" % given.value)
            return self.batch.uids[given.value]
        check_enum(UniqueIdentifier, given.value, self.version, "Unique Identifier")
        if given.value not in self.batch.made:
            raise not_found("the batch has made nothing by %s" % UniqueIdentifier(given.value).name)
        return self.batch.made[given.value]

    def _only_2x(self):
        if self.version < 20:
            raise invalid_message("Unique Identifier is a Text String up to KMIP 1.4")

    def _placeholder(self):
        if not self.batch.usable:
            raise invalid_message("the ID Placeholder needs Batch Order Option True and the"
                                  " continuation option Stop")
        if self.batch.placeholder is None:
            raise not_found("no Unique Identifier is given and the ID Placeholder is empty")
        return self.batch.placeholder

    def find(self, given, archived=False):
        """The object that a request names (or the placeholder does), if the asker may use it.

        archived: the operation also works on an archived object.
        """
        uid = self.uid(given)
        managed = self.txn.load(uid)
        if managed is not None and not ObjectType.known(managed.object_type, self.version):
            managed = None
        policy.check_object(
            self.identity, managed, self.operation, not_found("there is no object %s" % uid[:64]))
        if not archived and managed.get("Archive Date") is not None:
            raise KmipError(Reason.OBJECT_ARCHIVED, "Object is archived")  # worded as TC-101 has it
        return managed

    def own(self, uid):
        """An object of the asker by uid, or None: for following Links."""
        managed = self.txn.load(uid)
        if managed is None or managed.owner != self.identity.device:
            return None
        return managed

    def save(self, managed):
        """Write a changed object, with its Last Change Date."""
        managed.set_value("Last Change Date", self.now)
        self.txn.save(managed)
