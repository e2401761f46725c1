"""AES key wrap (RFC 3394; KMIP calls it NIST key wrap), and the key in a wrapped object.

    key = keywrap.material(kek, got.value, got.wrapping)      # got = kmip.get(uid, wrapping=...)

Works on the board's own AES. What is no good raises TTLVError: a key encryption key of a length that the
board's AES does not have (16 and 32 bytes it has), wrapped bytes of a length that cannot be, and the wrong
key or damaged bytes, which the integrity check shows.
"""

from cryptolib import aes
from micropython import const

from kmip_lite.structures import unpack
from kmip_lite.ttlv import Decoder, TTLVError

_ECB = const(1)
_STRUCTURE = const(1)
_BYTE_STRING = const(8)

_TAG_KEY_MATERIAL = const(0x420043)
_TAG_KEY_VALUE = const(0x420045)
_TAG_KEY_WRAPPING_DATA = const(0x420046)

_METHOD_ENCRYPT = const(1)
_MODE_NISTKEYWRAP = const(0x0D)
_ENCODING_NO_ENCODING = const(1)

_E_TYPE = const(5)  # errors.py


def wrap(kek, data):
    """`data`, 16 bytes or more and a multiple of 8, wrapped: a bytearray of 8 bytes more. Allocates it."""
    made = bytearray(b"\xa6" * 8)
    made += data
    _run(kek, made, False)
    return made


def unwrap(kek, data):
    """What wrap() was given: a bytearray, 8 bytes shorter than `data`. Allocates twice its size."""
    made = bytearray(data)
    _run(kek, made, True)
    check = 0
    for at in range(8):
        check |= made[at] ^ 0xA6
    if check:
        raise TTLVError("wrong key, or damaged in wrapping")
    plain = made[8:]
    for at in range(len(made)):
        made[at] = 0
    return plain


def _run(kek, data, back):
    # RFC 3394 section 2.2, in place: the check value A stands in the first eight bytes of `data`.
    count = len(data) // 8 - 1
    if len(data) & 7 or not 2 <= count <= 10922:  # 16 bits of the step number are worked with
        raise TTLVError("no length for AES key wrap")
    try:
        cipher = aes(kek, _ECB)
    except ValueError:
        raise TTLVError("no length of an AES key")
    block = bytearray(16)
    for step in range(6 * count):
        number = 6 * count - step if back else step + 1
        place = (number - 1) % count * 8 + 8
        for at in range(8):
            block[at] = data[at]
            block[at + 8] = data[place + at]
        if back:
            block[6] ^= number >> 8
            block[7] ^= number & 0xFF
            cipher.decrypt(block, block)
        else:
            cipher.encrypt(block, block)
            block[6] ^= number >> 8
            block[7] ^= number & 0xFF
        for at in range(8):
            data[at] = block[at]
            data[place + at] = block[at + 8]


def material(kek, value, wrapping):
    """The Key Material of a wrapped key: a bytearray; of a transparent key the list of its items.

    `value`, `wrapping`: as `get` or `objects.Parts` give them. Raises TTLVError too where it is wrapped in
    another way than Encrypt with NIST key wrap.
    """
    if isinstance(wrapping, bytes):
        size = len(wrapping)
        head = bytearray((0x42, 0, 0x46, _STRUCTURE, 0, size >> 16, size >> 8 & 0xFF, size & 0xFF))
        wrapping = _open(head + wrapping, _TAG_KEY_WRAPPING_DATA).value()
    method, key, encoding = unpack("09E5 0361o 0A35o", wrapping or ())
    parameters = unpack("02B1o", key or ())[0]
    mode = unpack("0115o", parameters or ())[0] or _MODE_NISTKEYWRAP
    if (
        method != _METHOD_ENCRYPT
        or mode != _MODE_NISTKEYWRAP
        or not isinstance(value, (bytes, bytearray, memoryview))
    ):
        raise TTLVError("not wrapped in this way")
    plain = unwrap(kek, value)
    if encoding == _ENCODING_NO_ENCODING:
        return plain
    d = _open(plain, _TAG_KEY_VALUE)
    d.enter()
    d.need(_TAG_KEY_MATERIAL, 0)
    if d.kind == _STRUCTURE:
        return d.value()
    if d.kind != _BYTE_STRING:
        raise TTLVError(_E_TYPE)
    found = bytearray(d.size)
    d.into(found)
    return found


def _open(data, tag):
    d = Decoder(data)
    d.open(len(data))
    d.next()
    if d.tag != tag:
        raise TTLVError("something else was wrapped")
    return d
