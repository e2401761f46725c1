"""os, with the urandom that the WebAssembly build lacks: the JavaScript engine's."""

import js
from uos import *  # noqa: F403


def urandom(size):
    drawn = js.Uint8Array.new(size)
    js.crypto.getRandomValues(drawn)
    return bytes([drawn[index] for index in range(size)])
