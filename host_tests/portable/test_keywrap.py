"""AES key wrap: the vectors of RFC 3394 section 4, wrong keys, damaged bytes, and keys as KMIP wraps them."""

import messages as m
from check import raises

from kmip_lite import keywrap
from kmip_lite.ttlv import TTLVError

DATA = bytes.fromhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")
KEK = bytes(range(32))
# (bytes of the key encryption key, bytes of the data, wrapped): sections 4.1, 4.3, 4.5, 4.6. The board's AES
# has no keys of 24 bytes, so 4.2 and 4.4 are left out.
VECTORS = (
    (16, 16, "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"),
    (32, 16, "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7"),
    (32, 24, "A8F9BC1612C68B3FF6E6F4FBE30E71E4769C8B80A32CB8958CD5D17D6B254DA1"),
    (32, 32, "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"),
)


def data_of(count):
    # Section 4.5 has its own third block.
    return DATA[:count] if count != 24 else DATA[:16] + bytes(range(8))


def test_vectors():
    for key, count, wrapped in VECTORS:
        wrapped = bytes.fromhex(wrapped)
        assert keywrap.wrap(KEK[:key], data_of(count)) == wrapped
        assert keywrap.unwrap(KEK[:key], wrapped) == data_of(count)
        assert keywrap.unwrap(bytearray(KEK[:key]), memoryview(wrapped)) == data_of(count)


def test_long_data():
    # More than 255 steps: the step number takes two bytes.
    data = DATA * 12
    wrapped = keywrap.wrap(KEK, data)
    assert len(wrapped) == len(data) + 8
    assert keywrap.unwrap(KEK, wrapped) == data


def test_wrong_key_and_damage():
    wrapped = bytes.fromhex(VECTORS[0][2])
    error = raises(TTLVError, keywrap.unwrap, KEK[1:17], wrapped)
    assert "wrong key, or damaged" in str(error)
    for at in range(len(wrapped)):
        damaged = bytearray(wrapped)
        damaged[at] ^= 0x10
        assert "wrong key, or damaged" in str(raises(TTLVError, keywrap.unwrap, KEK[:16], damaged))


def test_lengths():
    for count in (0, 8, 16, 23, 25):
        raises(TTLVError, keywrap.unwrap, KEK, bytes(count))
    for count in (0, 8, 15, 17):
        raises(TTLVError, keywrap.wrap, KEK, bytes(count))
    for count in (0, 15, 17, 33):
        raises(TTLVError, keywrap.unwrap, bytes(count), bytes(24))
        raises(TTLVError, keywrap.wrap, bytes(count), bytes(16))
    raises(TTLVError, keywrap.wrap, KEK, bytes(8 * 10923))


def wrapping(method=1, mode=0x0D, encoding=None):
    """Key Wrapping Data (1.x section 2.1.5) as bytes, and as items."""
    inner = [m.ttlv(0x420094, m.TEXT, "kek")]
    items = [(0x420094, 7, "kek")]
    if mode is not None:
        inner.append(m.ttlv(0x42002B, m.STRUCTURE, [m.ttlv(0x420011, m.ENUM, mode)]))
        items.append((0x42002B, 1, [(0x420011, 5, mode)]))
    fields = [m.ttlv(0x42009E, m.ENUM, method), m.ttlv(0x420036, m.STRUCTURE, inner)]
    items = [(0x42009E, 5, method), (0x420036, 1, items)]
    if encoding is not None:
        fields.append(m.ttlv(0x4200A3, m.ENUM, encoding))
        items.append((0x4200A3, 5, encoding))
    return b"".join(fields), items


def key_value(*items):
    return m.ttlv(0x420045, m.STRUCTURE, list(items))


def test_key_material():
    kek = KEK[:16]
    key = DATA[:16]
    attribute = m.attribute("Object Group", m.TEXT, "g")
    encoded = keywrap.wrap(kek, key_value(m.ttlv(0x420043, m.BYTES, key), attribute))
    for form in (0, 1):
        # Absent, the Encoding Option is TTLV Encoding: the whole Key Value was wrapped.
        for encoding in (None, 2):
            for mode in (None, 0x0D):
                found = keywrap.material(kek, encoded, wrapping(1, mode, encoding)[form])
                assert found == key and isinstance(found, bytearray)
        assert keywrap.material(kek, keywrap.wrap(kek, key), wrapping(encoding=1)[form]) == key
        # A transparent key's material is a structure.
        inner = m.ttlv(0x420043, m.STRUCTURE, [m.ttlv(0x42003F, m.BYTES, key)])
        wrapped = keywrap.wrap(kek, key_value(inner))
        assert keywrap.material(kek, wrapped, wrapping()[form]) == [(0x42003F, 8, key)]


def test_what_is_not_to_be_unwrapped():
    kek = KEK[:16]
    good = keywrap.wrap(kek, key_value(m.ttlv(0x420043, m.BYTES, bytes(16))))
    for form in (0, 1):
        for method in (2, 3, 4, 5):
            raises(TTLVError, keywrap.material, kek, good, wrapping(method)[form])
        raises(TTLVError, keywrap.material, kek, good, wrapping(1, 0x0C)[form])
        assert "wrong key" in str(raises(TTLVError, keywrap.material, KEK[1:17], good, wrapping()[form]))
        for inside in (
            DATA,  # no TTLV at all
            m.ttlv(0x420045, m.STRUCTURE, []) + bytes(8),
            key_value(m.ttlv(0x420044, m.BYTES, bytes(8))),  # no Key Material
            key_value(m.ttlv(0x420043, m.TEXT, "a key")),
            m.ttlv(0x420043, m.BYTES, bytes(8)),
            m.ttlv(0x420045, m.BYTES, bytes(8)),
        ):
            wrapped = keywrap.wrap(kek, inside)
            raises(TTLVError, keywrap.material, kek, wrapped, wrapping()[form])
    for value in (None, (b"",), [], 24):
        raises(TTLVError, keywrap.material, kek, value, wrapping()[1])
    for nothing in (None, b"", (), b"\x42", wrapping()[0][:-8], wrapping()[0] + bytes(8)):
        raises(TTLVError, keywrap.material, kek, good, nothing)
