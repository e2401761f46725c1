"""connect.py SIZE: whether a TLS connection can be made where no piece of the heap is larger than SIZE bytes.

It comes as far as sending its first message. Prints the largest piece as the collector saw it.
"""

import io
import sys

import micropython
import tls
from fragment import fragment


class Line(io.IOBase):
    def write(self, buf):
        return len(buf)

    def readinto(self, buf):
        return None

    def ioctl(self, request, argument):
        return 0


context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
context.verify_mode = tls.CERT_NONE
pins = fragment(int(sys.argv[1]))
micropython.mem_info()
context.wrap_socket(Line(), do_handshake_on_connect=False)
print("made")
