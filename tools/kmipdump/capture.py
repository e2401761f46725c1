"""TCP streams out of a capture: classic pcap and pcapng, Ethernet, loopback, raw IP and Linux cooked.

Segments are put into the order of their sequence numbers, what was sent twice is taken once. Where a capture
lacks bytes, the stream ends and says so.
"""

import struct

_PCAP = {  # with times in microseconds, in nanoseconds
    b"\xa1\xb2\xc3\xd4": ">", b"\xd4\xc3\xb2\xa1": "<",
    b"\xa1\xb2\x3c\x4d": ">", b"\x4d\x3c\xb2\xa1": "<",
}
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_ETHERNET, _NULL, _RAW, _LOOP, _SLL, _IPV4, _IPV6, _SLL2 = 1, 0, 101, 108, 113, 228, 229, 276
_RAW_OLD = (12, 14)
_IP4, _IP6 = 0x0800, 0x86DD
_VLAN = (0x8100, 0x88A8, 0x9100)
_TCP = 6
_FIN, _SYN, _RST = 1, 2, 4
_SKIPPED = (0, 43, 60)  # IPv6 extension headers: hop-by-hop, routing, destination


class CaptureError(ValueError):
    """What is no capture that can be read; the message is one line for the user."""


class Stream:
    """One direction of a connection. `data`: its bytes from the first that was captured; `ends`: (offset,
    packet number) in rising order, which packet brought the bytes up to an offset; `gap`: what is to be
    said about bytes that the capture lacks, or None."""

    def __init__(self, name, data, ends, gap=None):
        self.name = name
        self.data = data
        self.ends = ends
        self.gap = gap


def is_capture(data):
    return data[:4] in _PCAP or data[:4] == _PCAPNG


def streams(data):
    """The Streams of a capture that have any bytes, and a list of remarks. Raises CaptureError if it is
    none; one that is cut off is read up to there."""
    remarks = {}  # in their order, each once
    flows = {}
    order = []
    number = 0
    for number, (link, packet) in enumerate(_packets(data, remarks), 1):
        segment = _segment(link, packet, remarks)
        if segment is None:
            continue
        key, sequence, flags, payload, whole = segment
        flow = flows.get(key)
        if flow is None or (flags & _SYN and flow.segments and sequence + 1 & 0xFFFFFFFF != flow.first):
            flow = flows[key] = _Flow(key)
            order.append(flow)
        flow.add(sequence, flags, payload, whole, number)
    if not number:
        remarks["no packets"] = None
    found = [flow.stream() for flow in order]
    return [stream for stream in found if stream.data or stream.gap], list(remarks)


class _Flow:
    def __init__(self, key):
        self.key = key
        self.first = None  # sequence number of the byte at place 0
        self.opened = False  # the SYN was seen: nothing stands before `first`
        self.segments = []  # (place, packet number, bytes, bytes that were sent)

    def add(self, sequence, flags, payload, whole, number):
        if flags & _SYN:
            sequence = sequence + 1 & 0xFFFFFFFF
            if not self.opened and not self.segments:
                self.first = sequence
                self.opened = True
        if not whole or flags & _RST:
            return
        if self.first is None:
            self.first = sequence
        # Within 2 GiB of the first, on either side: a capture that is read into memory is shorter.
        place = (sequence - self.first + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        self.segments.append((place, number, payload, whole))

    def stream(self):
        parts, ends, gap = [], [], None
        self.segments.sort(key=lambda segment: segment[:2])
        if self.opened:
            at = 0
        else:
            at = self.segments[0][0] if self.segments else 0
        size = 0
        latest = 0
        for place, number, payload, whole in self.segments:
            new = place + whole - at
            if new <= 0:
                continue
            if place > at:
                gap = "%d bytes are missing from the capture behind byte %d" % (place - at, size)
                break
            skipped = at - place
            part = payload[skipped:]
            parts.append(part)
            size += len(part)
            latest = max(latest, number)
            ends.append((size, latest))
            if len(payload) < whole:
                gap = "packet %d was not captured whole: what follows byte %d is missing" % (number, size)
                break
            at = place + whole
        return Stream(_name(self.key), b"".join(parts), ends, gap)


def _name(key):
    source, source_port, target, target_port = key
    return "%s -> %s" % (_end(source, source_port), _end(target, target_port))


def _end(address, port):
    if len(address) == 4:
        return "%s:%d" % (".".join(map(str, address)), port)
    return "[%s]:%d" % (":".join("%x" % pair for pair in struct.unpack(">8H", address)), port)


def _packets(data, remarks):
    """Yields (link type, bytes) of each packet."""
    if data[:4] == _PCAPNG:
        return _pcapng(data, remarks)
    if data[:4] in _PCAP:
        return _pcap(data, remarks)
    raise CaptureError("no capture: neither pcap nor pcapng")


def _pcap(data, remarks):
    order = _PCAP[data[:4]]
    if len(data) < 24:
        raise CaptureError("the capture's header is cut off at byte %d" % len(data))
    link = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
    at = 24
    while at < len(data):
        if len(data) - at < 16:
            remarks["the capture is cut off at byte %d" % at] = None
            return
        captured = struct.unpack_from(order + "I", data, at + 8)[0]
        at += 16
        if captured > len(data) - at:
            remarks["the capture is cut off at byte %d" % (at - 16)] = None
            return
        yield link, data[at:at + captured]
        at += captured


def _pcapng(data, remarks):
    at = 0
    order = "<"
    links = []
    while at < len(data):
        if len(data) - at < 12:
            remarks["the capture is cut off at byte %d" % at] = None
            return
        kind = struct.unpack_from(order + "I", data, at)[0]
        if kind == _SECTION:
            magic = data[at + 8:at + 12]
            if magic not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
                raise CaptureError("no byte order in the section at byte %d of the capture" % at)
            order = ">" if magic[0] == 0x1A else "<"
            links = []
        size = struct.unpack_from(order + "I", data, at + 4)[0]
        if size < 12 or size % 4:
            raise CaptureError("a block of length %d at byte %d of the capture" % (size, at))
        if size > len(data) - at:
            remarks["the capture is cut off at byte %d" % at] = None
            return
        body = data[at + 8:at + size - 4]
        at += size
        if kind == _INTERFACE and len(body) >= 8:
            links.append(struct.unpack_from(order + "H", body)[0])
        elif kind in (_PACKET, _OLD_PACKET) and len(body) >= 20:
            number = struct.unpack_from(order + ("I" if kind == _PACKET else "H"), body)[0]
            captured = struct.unpack_from(order + "I", body, 12)[0]
            yield links[number] if number < len(links) else None, body[20:20 + captured]
        elif kind == _SIMPLE and len(body) >= 4:
            yield links[0] if links else None, body[4:4 + struct.unpack_from(order + "I", body)[0]]


def _segment(link, packet, remarks):
    """((source, port, target, port), sequence number, flags, bytes, bytes that were sent), or None."""
    ip = _network(link, packet, remarks)
    if ip is None or not ip:
        return None
    version = ip[0] >> 4
    if version == 4 and len(ip) >= 20:
        start = (ip[0] & 15) * 4
        length = int.from_bytes(ip[2:4], "big") or len(ip)
        protocol = ip[9]
        fragment = int.from_bytes(ip[6:8], "big") & 0x3FFF
        source, target = ip[12:16], ip[16:20]
    elif version == 6 and len(ip) >= 40:
        start = 40
        length = int.from_bytes(ip[4:6], "big")
        length = length + 40 if length else len(ip)
        protocol = ip[6]
        while protocol in _SKIPPED and start + 8 <= len(ip):
            protocol = ip[start]
            start += ip[start + 1] * 8 + 8
        fragment = protocol == 44
        source, target = ip[8:24], ip[24:40]
    else:
        return None
    if fragment:
        remarks["IP fragments are not put together"] = None
        return None
    if protocol != _TCP or start < 20 or len(ip) < start + 20:
        return None
    source_port, target_port, sequence = struct.unpack_from(">HHI", ip, start)
    flags = ip[start + 13]
    payload = start + (ip[start + 12] >> 4) * 4
    if payload < start + 20 or length < payload:
        return None
    return (source, source_port, target, target_port), sequence, flags, ip[payload:length], length - payload


def _network(link, packet, remarks):
    """What is in a packet from the IP header on, or None."""
    if link in (_RAW, _IPV4, _IPV6) or link in _RAW_OLD:
        return packet
    if link in (_NULL, _LOOP):
        return packet[4:]
    if link == _ETHERNET:
        kind, at = int.from_bytes(packet[12:14], "big"), 14
        while kind in _VLAN and len(packet) >= at + 4:
            kind, at = int.from_bytes(packet[at + 2:at + 4], "big"), at + 4
    elif link == _SLL:
        kind, at = int.from_bytes(packet[14:16], "big"), 16
    elif link == _SLL2:
        kind, at = int.from_bytes(packet[:2], "big"), 20
    else:
        remarks["packets of link type %s are not read" % link] = None
        return None
    return packet[at:] if kind in (_IP4, _IP6) else None
