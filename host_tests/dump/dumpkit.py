"""What the tests of tools/kmipdump share: messages, a way to run it, captures made by hand."""

import io
import json
import struct
from pathlib import Path

from tools.kmipdump import __main__ as command

HERE = Path(__file__).resolve().parent
OWN = json.loads((HERE.parent / "vectors" / "own.json").read_text())
_OASIS = HERE.parents[2] / "shared" / "vectors" / "oasis-1.2.json"
OASIS = next((json.loads(path.read_text()) for path in (
    _OASIS, HERE.parents[3] / "shared" / "vectors" / "oasis-1.2.json") if path.exists()), None)
MESSAGES = [bytes.fromhex(row["hex"]) for row in OWN + (OASIS or [])]


def run(data, *args):
    """(exit status, what it wrote on standard output, on standard error) of kmipdump, given bytes."""
    stdout = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    stderr = io.StringIO()
    status = command.main(list(args), io.BytesIO(data), stdout, stderr)
    return status, stdout.buffer.getvalue().decode("utf-8"), stderr.getvalue()


def run_binary(data, *args):
    """As run(), with standard output as bytes."""
    stdout = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    stderr = io.StringIO()
    status = command.main(list(args), io.BytesIO(data), stdout, stderr)
    return status, stdout.buffer.getvalue(), stderr.getvalue()


def item(tag, kind, value):
    """An item's bytes, padded."""
    return tag.to_bytes(3, "big") + bytes((kind,)) + struct.pack(">I", len(value)) + value + bytes(
        -len(value) % 8)


CLIENT, SERVER = (b"\x7f\0\0\1", 40000), (b"\x7f\0\0\1", 5696)


def tcp(source, target, sequence, payload=b"", flags=0x10, ip6=False):
    """An IP packet with a TCP segment; checksums are left out, for nobody looks at them."""
    segment = struct.pack(
        ">HHIIBBHHH", source[1], target[1], sequence & 0xFFFFFFFF, 0, 0x50, flags, 8192, 0, 0) + payload
    if ip6:
        ends = [bytes(12) + end[0] for end in (source, target)]
        return struct.pack(">IHBB", 6 << 28, len(segment), 6, 64) + ends[0] + ends[1] + segment
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0)
    return head + source[0] + target[0] + segment


def ethernet(packet, vlan=False):
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    return bytes(12) + (b"\x81\x00\x00\x05" if vlan else b"") + kind + packet


def pcap(packets, link=1, order="<"):
    """A classic capture. A packet is its bytes, or (bytes, how many of them were captured)."""
    parts = [struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)]
    for packet in packets:
        packet, captured = packet if isinstance(packet, tuple) else (packet, len(packet))
        parts.append(struct.pack(order + "IIII", 0, 0, captured, len(packet)) + packet[:captured])
    return b"".join(parts)


def pcapng(packets, link=1, order="<"):
    def block(kind, body):
        body += bytes(-len(body) % 4)
        size = struct.pack(order + "I", len(body) + 12)
        return struct.pack(order + "I", kind) + size + body + size

    parts = [block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)),
             block(1, struct.pack(order + "HHI", link, 0, 0))]
    for packet in packets:
        parts.append(block(6, struct.pack(order + "IIIII", 0, 0, 0, len(packet), len(packet)) + packet))
    return b"".join(parts)


def conversation(request, response):
    """The packets of one exchange over TCP, opened and closed, in pieces."""
    packets = [tcp(CLIENT, SERVER, 999, flags=2), tcp(SERVER, CLIENT, 4999, flags=18)]
    at = 0
    for size in (1, 7, 100, len(request)):
        piece = request[at:at + size]
        if piece:
            packets.append(tcp(CLIENT, SERVER, 1000 + at, piece))
        at += len(piece)
    packets.append(tcp(SERVER, CLIENT, 5000, response[:50]))
    packets.append(tcp(SERVER, CLIENT, 5050, response[50:]))
    packets.append(tcp(CLIENT, SERVER, 1000 + len(request), flags=17))
    return packets
