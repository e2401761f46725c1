"""From power on to a meter that runs: what main.py calls on a board.

The board's own part is the module `board`, board.py of its folder in boards/:

    led(on)                    the LED, or nothing
    watchdog(ms)               start the watchdog; gives what is called to feed it
    network(config, log)       what brings the network up, with connected() and keep(), to be awaited; None
                               where there is nothing to do
    line(config)               what connects by a modem at a UART, in place of aclient.connect(); or None
    feed_at_repl(feed)         call feed() every two seconds from now on, for the REPL's sake
    reset()                    as the reset button does
"""

import asyncio
import gc
import io
import json
import os
import sys
import time
from errno import EHOSTUNREACH

from micropython import const

import meter

_WINDOW = const(2)  # seconds in which Ctrl-C leads to the REPL before anything has started
_AGAIN = const(60)  # seconds to a reset after the meter has ended, so that no loop of resets wears the flash
_LATER = const(600)  # the same where it could not start
_NOTES = const(4096)  # bytes of crash.txt
_LONGEST = const(800)  # bytes of one note
_PIECE = const(17584)  # bytes of the largest piece of heap that TLS takes
_REST = const(12288)  # bytes that a connection and a renewal take beside it
_PATIENCE = const(30)  # seconds that a connection waits for the network
_WATCHDOG = const(8)  # seconds: the RP2040 cannot do more than 8.388


def start(root=""):
    """Run the meter of the folder `root` for ever, or until Ctrl-C; a meter that ends is started anew by a
    reset of the board. A file `stop` in `root` keeps it from starting."""
    try:
        import board
    except Exception as error:  # whatever a hand has left in it
        print("start: board.py cannot be loaded: %r (make deploy)" % error)
        return
    if "stop" in os.listdir(root or "/"):
        print("start: there is a file `stop`; without it the meter starts")
        return
    print("start: the meter starts in %d s; Ctrl-C keeps it from that" % _WINDOW)
    feeds = []
    try:
        _run(board, root, feeds)
    except KeyboardInterrupt:
        for feed in feeds:  # before all else: who presses it twice must not leave a watchdog unfed
            board.feed_at_repl(feed)
        print("start: stopped; meter.status() tells how it was, machine.reset() starts it")


def _run(board, root, feeds):
    # `feeds` gets what feeds the watchdog. Ends with a reset, or by Ctrl-C.
    try:
        board.led(True)
        time.sleep(_WINDOW)
        faults = _faults(root)
        if not faults:
            from meter.meter import Meter

            network, connect = _wired(board, root)
            made = meter.running = Meter(root, connect=connect)
            faults = _starved()
        if faults:
            for fault in faults:
                print("start: cannot start: " + fault)
            time.sleep(_LATER)
            board.reset()
            return
        board.led(False)
        seconds = made.config.get("watchdog", _WATCHDOG)
        if seconds:
            feeds.append(board.watchdog(seconds * 1000))
            made.watchdog(feeds[0])
        asyncio.run(_meter(made, network, board.led))
    except Exception as error:
        try:
            _note(root, error)
        except MemoryError:
            print("start: no memory to tell why it ended")
    print("start: the board starts anew in %d s" % _AGAIN)
    for _ in range(_AGAIN):
        time.sleep(1)
        for feed in feeds:
            feed()
    board.reset()


def _wired(board, root):
    # The network, None where there is nothing to do for it, and what connects over it.
    from meter.meter import connect

    with open(root + "/config.json") as file:
        config = json.load(file)
    connect = board.line(config) or connect
    network = board.network(config, print)
    if network is None:
        return None, connect

    async def over(*address):
        # Without a network nothing is looked up: a name server's silence holds the board up for longer than
        # the watchdog waits. And what is asked at power on has not failed because the radio is slow.
        for _ in range(_PATIENCE):
            if network.connected():
                return await connect(*address)
            await asyncio.sleep(1)
        raise OSError(EHOSTUNREACH, "no network")

    return network, over


def _faults(root):
    # What is not there; what is loaded to find out is let go of.
    from meter import checks

    faults = checks.look(root, time.time() + (946684800 if time.gmtime(0)[0] == 2000 else 0))
    del checks
    del sys.modules["meter.checks"]
    del meter.checks
    gc.collect()
    return faults


def _starved():
    # With the meter loaded. What is free says little: it can lie in many small pieces.
    gc.collect()
    pieces = []
    try:
        pieces.append(bytearray(_PIECE))
        for _ in range(_REST // 512):
            pieces.append(bytearray(512))
    except MemoryError:
        pieces.clear()
        gc.collect()
        return ["the heap is too small: TLS takes %d bytes in a piece and a renewal %d more; %d are free" % (
            _PIECE, _REST, gc.mem_free())]
    return ()


async def _meter(made, network, led):
    from meter.led import show

    tasks = [asyncio.create_task(show(made, network, led))]
    if network is not None:
        tasks.append(asyncio.create_task(network.keep()))
    await made.run()


def _note(root, error):
    # The end of the meter, for whoever comes by: a traceback holds code, names and no key.
    text = io.StringIO()
    sys.print_exception(error, text)
    text = text.getvalue()[-_LONGEST:]
    print(text)
    path = root + "/crash.txt"
    try:
        size = os.stat(path)[6]
    except OSError:
        size = _NOTES
    try:
        with open(path, "w" if size >= _NOTES else "a") as file:
            file.write(text)
    except OSError as fault:
        print("start: crash.txt: %s" % fault)
