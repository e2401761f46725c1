"""Activate: a Pre-Active object is Active from now on (1.0 section 4.18, 1.1-1.4 4.19, 2.x 6.1.1).

Takes the object's Unique Identifier, None for the ID Placeholder, and gives it.
"""

from kmip_lite.fields import uid_response as response
from kmip_lite.fields import write_uid as request

OP = 0x12
