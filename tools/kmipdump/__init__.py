"""Shows KMIP messages: TTLV in, an indented tree with names or the OASIS XML form out, and back.

    python -m tools.kmipdump --help

It reads what a wrong peer, a cut connection or a fuzzer leaves, so it has a decoder of its own, which keeps
offsets and goes on after an error as far as the framing allows. It shares no code with firmware/ or with the
reference server: where two of the three disagree on a message, one of them is wrong.
"""
