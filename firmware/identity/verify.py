"""Is this certificate the one we asked for: looked at before it is used for anything."""

from micropython import const

from identity import x509

_DIGITAL_SIGNATURE = const(1)  # bit 0 of keyUsage
_ANY_USAGE = const(1)  # bits of Certificate.extended_usage
_CLIENT_AUTH = const(4)


def certificate(der, key, subject, issuers, not_after=(0, 0)):
    """Steps (see steps.py) to (fault, notBefore): why `der` is not to be used, or "" and its notBefore.

    `key`: the octets of our public key, `subject`: the Name that must be ours, both by value.
    `issuers`: the DER of the pinned anchors, one of which must have signed. `not_after`: the moment
    that the certificate must outlast. Raises nothing but MemoryError.
    """
    try:
        c = x509.Certificate(der)
        fault = _fault(c, key, subject, not_after)
        if fault:
            return fault, None
        for issuer in issuers:
            if (yield from c.signed_by(x509.Certificate(issuer))):
                return "", c.not_before
        return "not signed by an issuer that we know", None
    except ValueError as error:
        return "malformed: %s" % error, None


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
        return "ends no later than the old one"
    return ""
