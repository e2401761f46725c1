"""Who may do what. Stricter than KMIP's policy `default` (§3.18.2): nothing is for everybody.

An object belongs to a device id. The one who asks is known by the CN of its client certificate,
which the table of devices maps to a device id and a role; fingerprints, serial numbers and keys
play no part, so that a renewal changes no ownership. Credentials in the message are not relied on.

What is another's is answered as what does not exist is: Item Not Found with the same text, before
anything about it is looked at. So no answer tells whether a UID is in use. (The specification has
Permission Denied, §11.1, for what is known to exist: what an owner may not do with its own.)

What belongs to the server itself, the certificates of its CA (rollover.py), every device may read;
anything else with them is Permission Denied, for they are no secret.

Each device id is a key management domain of its own: a Name (§3.2) is unique within it. So no meter
can take a name that another will need, or learn which names there are.
"""

import re

from .enums import ObjectType, Operation
from .errors import denied

DEVICE = "device"
BOOTSTRAP = "bootstrap"
ROLES = (DEVICE, BOOTSTRAP)
SERVER = "*server*"  # owner of what is the server's own; no device id has such signs

# Seconds for which a connection may go on when the certificate that opened it has expired: what is under way
# may be its renewal.
GRACE = 60

_DEVICE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

# A bootstrap identity exists to enrol one device: it registers a public key, has it certified and
# fetches the certificate. It reaches no secret.
_BOOTSTRAP_OPERATIONS = frozenset((
    Operation.DISCOVER_VERSIONS, Operation.QUERY, Operation.REGISTER, Operation.CERTIFY,
    Operation.GET, Operation.GET_ATTRIBUTES, Operation.GET_ATTRIBUTE_LIST, Operation.LOCATE,
    Operation.POLL, Operation.CANCEL,
))
# What every device may do with the server's own objects: what KMIP's policy `default` lets everybody
# do with a certificate, but for Locate.
_READING = frozenset((
    Operation.GET, Operation.GET_ATTRIBUTES, Operation.GET_ATTRIBUTE_LIST, Operation.CHECK,
    Operation.OBTAIN_LEASE, Operation.VALIDATE,
))
_BOOTSTRAP_OBJECTS = frozenset((ObjectType.PUBLIC_KEY, ObjectType.CERTIFICATE))


class Identity:
    """Who asks: the device id that owns, the role, and the certificate that said so."""

    def __init__(self, device, role=DEVICE, common_name=None, fingerprint=None, issuer=None,
                 expires=None):
        self.device = device
        self.role = role
        self.common_name = device if common_name is None else common_name
        self.fingerprint = fingerprint
        self.issuer = issuer  # its name, as x509.Name
        self.expires = expires  # the certificate, in seconds since 1970

    def __repr__(self):
        return "%s (%s)" % (self.common_name, self.role) if self.role != DEVICE else self.device


def check_device_id(text):
    """ValueError for a device id that could not stand in a certificate's CN unambiguously."""
    if not _DEVICE_ID.fullmatch(text):
        raise ValueError("device id %r: 1 to 64 of A-Z a-z 0-9 . _ -, the first no sign" % text)
    return text


def check_operation(identity, operation):
    if identity.role == BOOTSTRAP and operation not in _BOOTSTRAP_OPERATIONS:
        raise denied("a bootstrap identity may only enrol")


def check_new_object(identity, object_type):
    if identity.role == BOOTSTRAP and object_type not in _BOOTSTRAP_OBJECTS:
        raise denied("a bootstrap identity may only register a public key or a certificate")


def may_see(identity, managed):
    """Whether the object is there at all for this identity."""
    return managed.owner == identity.device and (
        identity.role != BOOTSTRAP or managed.object_type in _BOOTSTRAP_OBJECTS)


def check_object(identity, managed, operation, missing):
    """Raises `missing`, the error for an object that does not exist, where it is another's (or None)."""
    if managed is not None and managed.owner == SERVER:
        if operation not in _READING:
            raise denied("the object is the server's own")
    elif managed is None or not may_see(identity, managed):
        raise missing
