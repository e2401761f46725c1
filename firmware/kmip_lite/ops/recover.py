"""Recover: bring an archived object back (1.0 section 4.22, 1.1-1.4 4.23, 2.0 6.1.38, 2.1 6.1.42).

Takes the object's Unique Identifier and gives it; it is the ID Placeholder from then on.
"""

from kmip_lite.fields import uid_response as response
from kmip_lite.fields import write_uid as request

OP = 0x16
