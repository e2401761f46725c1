"""KmipError: an operation that fails with a Result Reason, as the answer will say it."""

from .enums import Operation
from .enums import ResultReason as Reason

MAX_MESSAGE = 300  # characters: an answer must not grow with what the client sent


class KmipError(Exception):
    """Fails one batch item, or the whole request when raised before any item runs.

    reason    a ResultReason
    message   the Result Message; it tells the cause and never holds a secret
    payload   items of a Response Payload that goes with the failure (Check only)
    in_2      the ResultReason that 2.x has for it, where it is another
    """

    def __init__(self, reason, message, payload=None, in_2=None):
        super().__init__(message)
        self.reason = reason
        self.message = message[:MAX_MESSAGE]
        self.payload = payload
        self.in_2 = in_2


def invalid_message(text, in_2=None):
    return KmipError(Reason.INVALID_MESSAGE, text, in_2=in_2)


def invalid_field(text, in_2=None):
    return KmipError(Reason.INVALID_FIELD, text, in_2=in_2)


def denied(text, in_2=None):
    return KmipError(Reason.PERMISSION_DENIED, text, in_2=in_2)


def illegal(text, in_2=None):
    return KmipError(Reason.ILLEGAL_OPERATION, text, in_2=in_2)


def not_found(text, in_2=None):
    return KmipError(Reason.ITEM_NOT_FOUND, text, in_2=in_2)


def missing(text, in_2=None):
    return KmipError(Reason.MISSING_DATA, text, in_2=in_2)


def unsupported(text, in_2=None):
    return KmipError(Reason.FEATURE_NOT_SUPPORTED, text, in_2=in_2)


# Reasons that 2.x reserves or pairs differently (KMIP 2.x §6.1.*.1), by the 1.x reason.
_IN_2 = {
    Reason.ILLEGAL_OPERATION: Reason.INVALID_OBJECT_TYPE,
    Reason.INDEX_OUT_OF_BOUNDS: Reason.SERVER_LIMIT_EXCEEDED,
    Reason.ITEM_NOT_FOUND: Reason.OBJECT_NOT_FOUND,
}


# The operations whose 2.x lists have Item Not Found where the others have Object Not Found.
_ITEM_NOT_FOUND = (Operation.CERTIFY, Operation.ADJUST_ATTRIBUTE)


def reason_for(error, version, operation=None):
    """The Result Reason as this version spells it; a reason it lacks becomes General Failure."""
    reason = error.reason
    if version >= 20:
        reason = error.in_2 or _IN_2.get(reason, reason)
        if reason == Reason.OBJECT_NOT_FOUND and operation in _ITEM_NOT_FOUND:
            reason = Reason.ITEM_NOT_FOUND
    if not Reason.known(reason, version):
        return Reason.GENERAL_FAILURE
    return reason
