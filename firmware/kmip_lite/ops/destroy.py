"""Destroy: the object's value is gone for good (1.0 section 4.20, 1.1-1.4 4.21, 2.x 6.1.15).

Takes the object's Unique Identifier, None for the ID Placeholder, and gives it. An Active object has to be
revoked first.
"""

from kmip_lite.fields import uid_response as response
from kmip_lite.fields import write_uid as request

OP = 0x14
