"""Archive: the server may put the object away, and it has to be recovered before it is used again (1.0
section 4.21, 1.1-1.4 4.22, 2.x 6.1.4).

Takes the object's Unique Identifier, None for the ID Placeholder, and gives it.
"""

from kmip_lite.fields import uid_response as response
from kmip_lite.fields import write_uid as request

OP = 0x15
