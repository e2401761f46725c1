"""KmipError: an operation that fails with a Result Reason, as the answer will say it."""

from .enums import ResultReason as Reason

MAX_MESSAGE = 300  # characters: an answer must not grow with what the client sent


class KmipError(Exception):
    """Fails one batch item, or the whole request when raised before any item runs.

    reason    a ResultReason
    message   the Result Message; it tells the cause and never holds a secret
    payload   items of a Response Payload that goes with the failure (Check only)
    in_2      the ResultReason that 2.x has for it, where it is another
    """

    in_2 = None

    def __init__(self, reason, message, payload=None):
        super().__init__(message)
        self.reason = reason
        self.message = message[:MAX_MESSAGE]
        self.payload = payload


def invalid_message(text):
    return KmipError(Reason.INVALID_MESSAGE, text)


def invalid_field(text):
    return KmipError(Reason.INVALID_FIELD, text)


def denied(text):
    return KmipError(Reason.PERMISSION_DENIED, text)


def illegal(text):
    return KmipError(Reason.ILLEGAL_OPERATION, text)


def not_found(text):
    return KmipError(Reason.ITEM_NOT_FOUND, text)


def missing(text):
    return KmipError(Reason.MISSING_DATA, text)


def unsupported(text):
    return KmipError(Reason.FEATURE_NOT_SUPPORTED, text)


# Reasons that 2.x reserves or pairs differently (KMIP 2.x §6.1.*.1), by the 1.x reason.
_IN_2 = {
    Reason.ILLEGAL_OPERATION: Reason.INVALID_OBJECT_TYPE,
    Reason.INDEX_OUT_OF_BOUNDS: Reason.SERVER_LIMIT_EXCEEDED,
    Reason.ITEM_NOT_FOUND: Reason.OBJECT_NOT_FOUND,
}


def reason_for(error, version):
    """The Result Reason as this version spells it; a reason it lacks becomes General Failure."""
    reason = error.reason
    if version >= 20:
        reason = error.in_2 or _IN_2.get(reason, reason)
    if not Reason.known(reason, version):
        return Reason.GENERAL_FAILURE
    return reason
