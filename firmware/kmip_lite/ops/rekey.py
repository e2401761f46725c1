"""Re-key: a new symmetric key in the place of an old one (1.x section 4.4, 2.0 6.1.42, 2.1 6.1.46)."""

from micropython import const

from kmip_lite.fields import uid_response as response
from kmip_lite.fields import write_attributes, write_uid
from kmip_lite.ops.create import write_storage

_INTERVAL = const(10)

_TAG_OFFSET = const(0x420058)

OP = 0x04


def request(e, version, uid=None, offset=None, attributes=(), storage=()):
    """Write the payload. The answer is the Unique Identifier of the new key.

    `uid`: that of the old key, None for the ID Placeholder; its names move to the new one. `offset`:
    seconds from the new Initial Date to the new Activation Date; None copies the old key's dates.
    `attributes` (see `fields`): those that are not to be copied. `storage` (2.x): as in Create.
    """
    write_uid(e, version, uid)
    if offset is not None:
        e.put(_TAG_OFFSET, _INTERVAL, offset)
    write_attributes(e, version, attributes)
    write_storage(e, version, storage)
