"""Runs on MicroPython: kmip_lite against the plain version. Prints one line of JSON a message and
direction: [message, direction, [lite, strict, lax: [us a call, for each round]], [bytes allocated]]."""

import json
import sys

import cases
from plain import Plain
from timing import allocated, times


def main(rounds, span):
    lite = cases.Lite()
    plain = [Plain(strict, cases.BUFFER) for strict in (True, False)]
    for way in ("encode", "decode"):
        if way == "encode":
            rows = [lite.encoders()] + [cases.plain_encoders(one) for one in plain]
        else:
            rows = [lite.decoders()] + [cases.plain_decoders(one) for one in plain]
        for index, name in enumerate(cases.NAMES):
            functions = [row[index] for row in rows]
            print(json.dumps([name, way, times(functions, rounds, span), [allocated(f) for f in functions]]))


main(int(sys.argv[1]), int(sys.argv[2]))
