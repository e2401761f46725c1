"""Is this certificate the one we asked for: looked at before it is used for anything."""

from micropython import const

from identity import x509

_DIGITAL_SIGNATURE = const(1)  # bit 0 of keyUsage
_ANY_USAGE = const(1)  # bits of Certificate.extended_usage
_CLIENT_AUTH = const(4)

UNKNOWN_ISSUER = "not signed by an issuer that we know"


def certificate(der, key, subject, issuers, not_after=(0, 0)):
    """Steps (see steps.py) to (fault, notBefore, n): why `der` is not to be used, or "", its notBefore, and
    which of the issuers signed it.

    `key`: the octets of our public key, `subject`: the Name that must be ours, both by value.
    `issuers`: the DER of the pinned anchors, one of which must have signed. `not_after`: the moment
    that the certificate must outlast. Raises nothing but MemoryError.
    """
    try:
        c = x509.Certificate(der)
        fault = _fault(c, key, subject, not_after)
        if fault:
            return fault, None, 0
        for n, issuer in enumerate(issuers):
            if (yield from c.signed_by(x509.Certificate(issuer))):
                return "", c.not_before, n
        return UNKNOWN_ISSUER, None, 0
    except ValueError as error:
        return "malformed: %s" % error, None, 0


def _fault(c, key, subject, not_after):
    if c.unknown_critical is not None:
        return "a critical extension is unknown"
    if bytes(c.key) != bytes(key):
        return "for another key"
    if not x509.same_name(c.subject, subject):
        return "for another subject"
    if c.is_ca:
        return "of a certification authority"
    if c.key_usage < 0 or not c.key_usage & _DIGITAL_SIGNATURE:
        return "not for digital signatures"
    if c.extended_usage < 0 or not c.extended_usage & (_CLIENT_AUTH | _ANY_USAGE):
        return "not for client authentication"
    if c.not_after <= not_after:
        return "ends no later than the old one, or before now"
    return ""
