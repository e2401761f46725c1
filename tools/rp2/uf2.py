"""UF2: an image as a file that is copied onto the drive that a board shows while BOOTSEL is held.

The format is Microsoft's: blocks of 512 bytes, each with 256 bytes of the image and where they go.
"""

import struct

RP2040 = 0xE48BFF56  # the family, by which other chips refuse it
_START = (0x0A324655, 0x9E5D5157)
_END = 0x0AB16F30
_HAS_FAMILY = 0x2000
_PAYLOAD = 256


def pack(image, address=0x10000000, family=RP2040):
    """The UF2 file of an image (bytes) that belongs at an address."""
    count = -(-len(image) // _PAYLOAD)
    blocks = []
    for number in range(count):
        at = number * _PAYLOAD
        head = struct.pack("<8I", *_START, _HAS_FAMILY, address + at, _PAYLOAD, number, count, family)
        payload = image[at:at + _PAYLOAD].ljust(476, b"\0")
        blocks.append(head + payload + struct.pack("<I", _END))
    return b"".join(blocks)
