"""The meter's parts: the ledger of its allocation, the seal of its reports, its register."""

import time

from check import raises, unhex

from meter.ledger import Ledger
from meter.register import Register
from meter.seal import hmac, seal


class Flash:
    """A journal whose commits can be counted and cut."""

    def __init__(self, value=None):
        self.value = value or {}
        self.kept = dict(self.value)
        self.broken = False

    def commit(self):
        if self.broken:
            raise OSError(28)
        self.kept = dict(self.value)


def test_ledger_spends_what_was_granted_and_no_more():
    ledger = Ledger(Flash(), 10)
    assert not ledger.spend(1)
    ledger.credit(25)
    assert ledger.left() == 25
    assert ledger.spend(7)
    assert ledger.spend(18)
    assert ledger.left() == 0
    assert not ledger.spend(1)


def test_ledger_takes_a_chunk_off_before_it_is_used():
    flash = Flash()
    ledger = Ledger(flash, 10)
    ledger.credit(25)
    assert ledger.spend(1)
    assert flash.kept["left"] == 15
    # A reboot here forfeits the rest of the chunk, and never uses it twice.
    assert Ledger(Flash(flash.kept), 10).left() == 15
    for _ in range(9):
        assert ledger.spend(1)
    assert flash.kept["left"] == 15
    assert ledger.spend(1)
    assert flash.kept["left"] == 5


def test_ledger_wants_more_than_a_chunk_or_less_than_is_left():
    ledger = Ledger(Flash(), 4)
    ledger.credit(20)
    assert ledger.spend(15)
    assert ledger.spend(5)
    assert not ledger.spend(1)
    ledger.credit(3)
    assert not ledger.spend(4)
    assert ledger.spend(3)


def test_ledger_on_a_full_flash_spends_nothing():
    flash = Flash({"left": 20})
    ledger = Ledger(flash, 10)
    flash.broken = True
    raises(OSError, ledger.spend, 5)
    assert flash.kept == {"left": 20}
    raises(OSError, ledger.credit, 5)
    flash.broken = False
    flash.value = dict(flash.kept)
    assert ledger.left() == 20


def test_ledger_counts_beyond_32_bits():
    ledger = Ledger(Flash(), 1 << 33)
    ledger.credit(1 << 40)
    assert ledger.spend(1 << 34)
    assert ledger.left() == (1 << 40) - (1 << 34)


def test_hmac_of_rfc_4231():
    # RFC 4231, test cases 1 and 2.
    assert hmac(b"\x0b" * 20, b"Hi ", b"There") == unhex(
        "b0344c61d8db38535ca8afceaf0bf12b 881dc200c9833da726e9376c2e32cff7"
    )
    assert hmac(b"Jefe", b"what do ya want for nothing?") == unhex(
        "5bdcc146bf60754e6a042426089575c7 5a003f089d2739839dec58b964ec3843"
    )


def test_seal_is_the_same_on_every_runtime():
    sealed = seal(bytearray(range(16)), b"header", b"forty watt-hours", bytes(16))
    assert len(sealed) == 16 + 32 + 32
    assert sealed[:16] == bytes(16)
    assert sealed[-32:] == hmac(hmac(bytes(range(16)), b"authenticate"), b"header", sealed[:-32])
    assert sealed[16:48] == unhex("34c9882e936caf28573a05d152b2dd03 2bfa7fcd700f4ee165b19fa067c5300c")


def test_register_counts_up():
    register = Register(5, 3600000)  # a watt-hour each millisecond, more or less
    assert register.read() == 5
    time.sleep_ms(20)
    first = register.read()
    assert 5 + 10 <= first <= 5 + 2000
    time.sleep_ms(5)
    assert register.read() > first
