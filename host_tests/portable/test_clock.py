"""The device's clock: its floor, and what servers may do to it."""

import time

from fakeworld import DAY, T0

from identity.clock import Clock, seconds


class Board(Clock):
    """A Clock over a board's clock that the test turns; `raw` is seconds since 1970."""

    raw = T0

    def _raw(self):
        return self.raw


def test_the_runtimes_own_clock():
    clock = Clock()
    days = (time.time() if time.gmtime(0)[0] == 1970 else time.time() + 10957 * DAY) // DAY
    assert 0 <= clock.now() - days * DAY < 2 * DAY
    assert isinstance(clock.now(), int) and clock.known() and not clock.heard


def test_seconds():
    assert seconds((0, 0)) == 0 and seconds((19675, 80000)) == 1700000000
    assert seconds((2932896, 86399)) == 253402300799  # the last second of 9999


def test_below_the_floor_it_goes_on_from_there():
    clock = Board(T0)
    clock.raw = 946684800  # 2000, as a board without a battery
    assert clock.now() == T0 and not clock.known()
    clock.raw += 50
    assert clock.now() == T0 + 50 and not clock.known()
    clock.raise_floor(T0 + 7 * DAY)
    assert clock.now() == T0 + 7 * DAY and clock.floor == T0 + 7 * DAY
    clock.raw += 1
    assert clock.now() == T0 + 7 * DAY + 1


def test_the_board_gets_its_clock_set():
    clock = Board(T0)
    clock.raw = 946684800
    assert clock.now() == T0
    clock.raw = T0 + 9 * DAY  # by somebody else: it is right, and is not added to what was made up
    assert clock.now() == T0 + 9 * DAY and clock.known()


def test_a_floor_a_little_ahead_is_no_lost_clock():
    clock = Board(0)
    clock.raise_floor(T0 + 100)
    assert clock.now() == T0 + 100 and clock.known()


def test_the_floor_only_rises():
    clock = Board(T0)
    clock.raise_floor(T0 - 1)
    assert clock.floor == T0
    clock.raise_floor(T0 + 1)
    assert clock.floor == T0 + 1


def test_a_server_sets_it():
    set_to = []
    for skew in (-3000 * DAY, -121, 121, 3000 * DAY):
        clock = Board(T0 - 4000 * DAY)
        clock.raw = T0 + skew
        clock.hear(T0, T0 + DAY)
        assert clock.now() == T0 and clock.known() and clock.heard == T0
        clock.raw += 10
        assert clock.now() == T0 + 10
    clock = Board(T0 - 4000 * DAY, set_to.append)
    clock.raw = T0 + 999
    clock.hear(T0, T0 + DAY)
    assert set_to == [T0]


def test_small_differences_are_left_alone():
    clock = Board(0)
    for skew in (-120, 0, 120):
        clock.hear(T0 + skew, T0 + DAY)
        assert clock.now() == T0 and clock.heard == T0 + skew


def test_a_stamp_stays_between_the_floor_and_the_servers_certificate():
    for stamp, now in ((4070908800, T0 + 50 * DAY), (0, T0 - DAY), (-5, T0 - DAY), (1 << 62, T0 + 50 * DAY)):
        clock = Board(T0 - DAY)
        clock.hear(stamp, T0 + 50 * DAY)
        assert clock.now() == now and clock.floor == T0 - DAY
        clock.hear(T0, T0 + 50 * DAY)  # the next honest one puts it right
        assert clock.now() == T0


def test_a_certificate_that_had_ended_by_the_floor_says_nothing():
    for latest in (0, T0 - 1):
        clock = Board(T0)
        clock.raw = T0 + 5
        clock.hear(T0 + 5000, latest)
        assert clock.now() == T0 + 5 and not clock.heard


def test_a_lost_clock_hears_what_it_has_guessed():
    clock = Board(T0)
    clock.raw = 946684800
    assert not clock.known()
    clock.hear(T0 + 60, T0 + DAY)  # within the tolerance of its guess
    assert clock.known() and clock.now() == T0 + 60
