"""What an operation works with: the transaction, who asks, the version, the time, the batch."""

from . import policy
from .errors import KmipError, Reason, invalid_message, not_found


class Batch:
    """State that lives for one request: the ID Placeholder (KMIP 1.x §4)."""

    def __init__(self, placeholder=None, usable=True):
        self.placeholder = placeholder
        self.usable = usable
        self.halted = False  # nothing behind this item is done: a failed Check, say
        self.behind = None  # correlation value of the Pending item that has to be done first

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
        """The UID of a request, or the ID Placeholder where it gives none."""
        if given is not None:
            return given
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
        if managed is None:
            raise not_found("there is no object %s" % uid[:64])
        policy.check_object(self.identity, managed, self.operation)
        if not archived and managed.get("Archive Date") is not None:
            raise KmipError(Reason.OBJECT_ARCHIVED, "the object is archived")
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
