"""What kmipdump reads: hex in its guises, base64, logs of the reference server, captures."""

import base64
import shutil
import subprocess
import sys
import time

import pytest
from dumpkit import (
    CLIENT,
    MESSAGES,
    SERVER,
    conversation,
    ethernet,
    item,
    pcap,
    pcapng,
    run,
    tcp,
)

from tools.refserver import trace

REQUEST, RESPONSE = MESSAGES[0], MESSAGES[1]
PLAIN = run(REQUEST)[1]
BOTH = run(REQUEST + RESPONSE)[1]
LONG = max(MESSAGES, key=len)


def dump(data, line, width=16):
    """A hexdump: `line` makes a line of offset and bytes."""
    rows = [line(at, data[at:at + width]) for at in range(0, len(data), width)]
    return "\n".join(rows).encode() + b"\n"


def printable(part):
    return "".join(chr(c) if 32 <= c < 127 else "." for c in part)


def xxd(at, part):
    pairs = " ".join(part[place:place + 2].hex() for place in range(0, len(part), 2))
    return "%08x: %-39s  %s" % (at, pairs, printable(part))


def canonical(at, part):
    return "%08x  %-23s  %-23s  |%s|" % (at, part[:8].hex(" "), part[8:].hex(" "), printable(part))


def wireshark(at, part):
    return "%04x  %-47s   %s" % (at, part.hex(" "), printable(part))


def octal(at, part):
    return "%07o %s" % (at, part.hex(" "))


FORMS = {
    "binary": lambda data: data,
    "hex": lambda data: data.hex().encode(),
    "upper hex": lambda data: data.hex().upper().encode(),
    "hex by words": lambda data: data.hex(" ", 4).encode(),
    "hex by colons": lambda data: data.hex(":").encode(),
    "0x": lambda data: ", ".join("0x%02X" % c for c in data).encode(),
    "escapes": lambda data: "".join("\\x%02x" % c for c in data).encode(),
    "hex lines": lambda data: b"\xef\xbb\xbf" + b"\r\n".join(
        data[at:at + 32].hex().encode() for at in range(0, len(data), 32)),
    "base64": base64.b64encode,
    "base64 lines": base64.encodebytes,
    "xxd": lambda data: dump(data, xxd),
    "hexdump -C": lambda data: dump(data, canonical) + b"%08x\n" % len(data),
    "wireshark": lambda data: dump(data, wireshark),
    "od": lambda data: dump(data, octal) + b"%07o\n" % len(data),
}


@pytest.mark.parametrize("form", FORMS)
def test_guises(form):
    for data in MESSAGES[:60]:
        status, out, err = run(FORMS[form](data))
        assert (status, err) == (0, "")
        assert out == run(data)[1]


@pytest.mark.parametrize("form", FORMS)
def test_several_messages_in_a_row(form):
    status, out, err = run(FORMS[form](REQUEST + RESPONSE))
    assert (status, out, err) == (0, BOTH, "")
    assert out.count("\n--- response, ") == 1 and "at byte %d" % len(REQUEST) in out


@pytest.mark.parametrize("command", [
    ["xxd"], ["hexdump", "-C"], ["od", "-A", "x", "-t", "x1"], ["od", "-t", "x1z"], ["xxd", "-p"],
    ["base64"]])
def test_the_programs_themselves(command, tmp_path):
    if not shutil.which(command[0]):
        pytest.skip("no %s here" % command[0])
    data = item(0x42001E, 8, bytes(200)) + LONG  # repeated lines
    (tmp_path / "message").write_bytes(data)
    text = subprocess.run(
        [*command, tmp_path / "message"], capture_output=True, check=True, timeout=60).stdout
    if "z" in command[-1]:
        text = b"\n".join(line.split(b">")[0] for line in text.splitlines())
    assert run(text)[:2] == (0, run(data)[1])


@pytest.mark.parametrize("data, text", [
    (b"", "no message in it"),
    (b"  \n", "no message in it"),
    (b"4200780", "7 hex digits: one is missing"),
    (b"4200\n42zz", "line 2, column 3: 'z' is neither hex nor base64"),
    (b"!", "line 1, column 1: '!' is neither hex nor base64"),
    (b"QgB4=", "not base64"),
    (b"<KMIP/>", "--from-xml"),
    (b"00000000: 4200\n00000010: 4200\n", "line 2: offset 00000010, but 2 bytes stand before it"),
    (b"00000000: 4200\nnothing\n", "line 2 has no offset"),
    (b"00000000: 42 0\n", "line 1 of the hexdump is not hex"),
    (b"00000000  42 00\n*\n", "ends with *"),
    (b"00000000  42 00\n*\nffffffff\n", "cannot be where repeated lines end"),
    (b"00000000\n*\n00000010\n", "cannot be where repeated lines end"),
])
def test_what_cannot_be_read(data, text):
    status, out, err = run(data)
    assert (status, out) == (1, "") and text in err


def test_the_format_may_be_told():
    # Four letters that are base64 and hex at once.
    assert run(b"4200", "--format", "base64")[0] == 1
    assert "at byte 0" in run(b"4200", "--format", "base64")[2]
    assert run(b"BAD\n", "--format", "binary")[0] == 1


def test_files(tmp_path):
    (tmp_path / "a").write_bytes(REQUEST)
    (tmp_path / "b").write_text(RESPONSE.hex())
    status, out, err = run(b"", str(tmp_path / "a"), str(tmp_path / "b"))
    assert (status, err) == (0, "") and out.count("--- ") == 2
    status, out, err = run(b"", str(tmp_path / "none"), str(tmp_path / "a"))
    assert status == 1 and "No such file" in err and "Request Message" in out
    assert run(b"", str(tmp_path))[0] == 1


def test_the_command_itself(tmp_path):
    def start(data, *args):
        return subprocess.run(
            [sys.executable, "-m", "tools.kmipdump", *args], input=data, capture_output=True, timeout=60)

    done = start(REQUEST)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, PLAIN, b"")
    assert start(REQUEST[:-1]).returncode == 1
    assert start(b"", "--xml", "--from-xml").returncode == 2
    assert start(b"", "--binary").returncode == 2
    xml = start(REQUEST, "--xml", "--secrets").stdout
    assert start(xml, "--from-xml", "--binary").stdout == REQUEST


@pytest.mark.parametrize(
    "unit", [b" ", b"Q", b"4", b"0x", b"*\n", b"request ", b"Follow: ", b"0000: 42  |\n"])
def test_long_inputs_that_are_nothing_cost_no_more_than_their_length(unit):
    started = time.process_time()
    for head in (b"", b"Q", b"0000\n"):
        run(head + unit * (400000 // len(unit)) + b"!")
    assert time.process_time() - started < 10


# The log of the reference server

def test_its_log():
    lines = ["127.0.0.1 [GET ok] in 1 out 2 3.4 ms"]
    lines += trace.dump("request", REQUEST) + trace.dump("response", RESPONSE)
    lines += ["another line"] + trace.dump("request", LONG)
    status, out, err = run("\n".join(lines).encode())
    assert (status, err) == (0, "")
    assert out.count("--- ") == 3 and "of request of line 2" in out
    # With whatever is put before each line, as a service manager does.
    text = "\n".join("kmip[7]: " + line if " bytes" in line else line for line in lines)
    status, out, err = run(text.encode())
    assert (status, err) == (0, "") and out.count("--- ") == 3


def test_a_log_that_is_cut():
    text = "\n".join(trace.dump("request", LONG)[:3]).encode()
    status, out, err = run(text)
    assert status == 1 and "96 bytes stand below line 1" in err and "Request Message" in out
    status, out, err = run("\n".join(trace.dump("request", b"\1\2\3")).encode())
    assert (status, out) == (1, "") and "could not read this message" in err


# Captures

PACKETS = conversation(REQUEST, RESPONSE)
MADE = {
    "pcap": lambda packets: pcap([ethernet(packet) for packet in packets]),
    "pcap, big-endian": lambda packets: pcap([ethernet(packet) for packet in packets], order=">"),
    "vlan": lambda packets: pcap([ethernet(packet, vlan=True) for packet in packets]),
    "padded to 60 bytes": lambda packets: pcap([ethernet(packet).ljust(60, b"\xee") for packet in packets]),
    "raw": lambda packets: pcap(packets, link=101),
    "loopback": lambda packets: pcap([b"\2\0\0\0" + packet for packet in packets], link=0),
    "cooked": lambda packets: pcap([bytes(14) + b"\x08\x00" + packet for packet in packets], link=113),
    "cooked v2": lambda packets: pcap([b"\x08\x00" + bytes(18) + packet for packet in packets], link=276),
    "pcapng": lambda packets: pcapng([ethernet(packet) for packet in packets]),
    "pcapng, big-endian": lambda packets: pcapng([ethernet(packet) for packet in packets], order=">"),
}


def bodies(out):
    """What was shown, without the heads."""
    return [line for line in out.splitlines() if line and not line.startswith("--- ")]


def read(packets, made="pcap"):
    status, out, err = run(MADE[made](packets))
    return status, bodies(out), err


@pytest.mark.parametrize("made", MADE)
def test_a_capture(made):
    status, out, err = run(MADE[made](PACKETS))
    assert (status, err) == (0, "")
    assert bodies(out) == bodies(BOTH)
    assert "of 127.0.0.1:40000 -> 127.0.0.1:5696" in out


def test_a_capture_of_ip6():
    packets = [tcp(CLIENT, SERVER, 1, REQUEST, ip6=True), tcp(SERVER, CLIENT, 1, RESPONSE, ip6=True)]
    status, out, err = run(MADE["pcapng"](packets))
    assert (status, err) == (0, "") and bodies(out) == bodies(BOTH)
    assert "of [0:0:0:0:0:0:7f00:1]:40000 -> " in out


def test_segments_out_of_order_and_twice():
    late = PACKETS[2:4] + PACKETS[5:] + PACKETS[3:5]
    for packets in (PACKETS[:2] + PACKETS[:1:-1], PACKETS + PACKETS, late):
        status, out, err = read(packets)
        assert (status, err) == (0, "")
        assert sorted(out) == sorted(bodies(BOTH))


def test_segments_that_overlap_and_numbers_that_wrap():
    start = 0xFFFFFFF0
    packets = [tcp(CLIENT, SERVER, start - 1, flags=2)]
    for at in range(0, len(REQUEST), 10):
        packets.append(tcp(CLIENT, SERVER, start + at, REQUEST[at:at + 25]))
    assert read(packets) == (0, bodies(PLAIN), "")


def test_a_conversation_is_shown_in_its_order():
    packets = []
    for number, (request, response) in enumerate(zip(MESSAGES[0:6:2], MESSAGES[1:6:2], strict=True)):
        sent = sum(map(len, MESSAGES[0:2 * number:2]))
        got = sum(map(len, MESSAGES[1:2 * number + 1:2]))
        packets += [tcp(CLIENT, SERVER, 100 + sent, request), tcp(SERVER, CLIENT, 900 + got, response)]
    assert read(packets) == (0, bodies(run(b"".join(MESSAGES[:6]))[1]), "")


def test_bytes_that_are_missing():
    status, out, err = read([packet for place, packet in enumerate(PACKETS) if place != 3])
    assert status == 1 and "7 bytes are missing from the capture behind byte 1" in err
    packets = [ethernet(packet) for packet in PACKETS]
    packets[4] = (packets[4], 54 + 20)
    status, out, err = run(pcap(packets))
    assert status == 1 and "packet 5 was not captured whole" in err
    whole = MADE["pcap"](PACKETS)
    for size in range(4, len(whole), 7):
        status, out, err = run(whole[:size])
        assert status == 1 or "cut off" in err or bodies(out) == bodies(BOTH)


def test_a_port_that_is_used_again():
    again = [tcp(CLIENT, SERVER, 77777, flags=2), tcp(CLIENT, SERVER, 77778, RESPONSE)]
    status, out, err = read([tcp(CLIENT, SERVER, 5, flags=2), tcp(CLIENT, SERVER, 6, REQUEST), *again])
    assert (status, out, err) == (0, bodies(BOTH), "")


@pytest.mark.parametrize("record", [b"\x16\x03\x01\x02\x00", b"\x17\x03\x03\x00\x20"])
def test_tls_is_told_plainly(record):
    packets = [tcp(CLIENT, SERVER, 1, record + bytes(64)), tcp(SERVER, CLIENT, 1, record + bytes(64))]
    status, out, err = run(MADE["pcap"](packets))
    assert (status, out) == (1, "")
    assert "127.0.0.1:5696 and 1 more: TLS, encrypted; decrypt it first" in err
    assert err.count("SSLKEYLOGFILE") == 1
    assert len(err.splitlines()) == 1


def test_what_is_not_kmip_is_passed_over():
    other = (b"\x7f\0\0\1", 22)
    status, out, err = read([tcp(CLIENT, other, 1, b"SSH-2.0-x\r\n"), *PACKETS])
    assert status == 0 and out == bodies(BOTH) and "127.0.0.1:22 is no KMIP, 11 bytes" in err
    udp = bytearray(PACKETS[3])
    udp[9] = 17
    assert read([bytes(udp), *PACKETS]) == (0, bodies(BOTH), "")
    status, out, err = read([tcp(CLIENT, SERVER, 1, b"POST /kmip HTTP/1.1\r\n\r\n" + REQUEST)])
    assert status == 1 and "is HTTP" in err
    status, _, err = run(pcap([b"x"], link=147))
    assert status == 1 and "link type 147" in err
    assert run(pcap([]))[0] == 1


def test_both_directions_as_tshark_prints_them():
    text = "\n".join([
        "=" * 67, "Follow: tls,raw", "Filter: tcp.stream eq 0",
        "Node 0: 127.0.0.1:40000", "Node 1: 127.0.0.1:5696",
        REQUEST[:100].hex(), REQUEST[100:].hex(), "\t" + RESPONSE.hex(),
        REQUEST.hex(), "\t" + RESPONSE.hex(), "=" * 67])
    status, out, err = run(text.encode())
    assert (status, err) == (0, "") and bodies(out) == 2 * bodies(BOTH)
    assert "of 127.0.0.1:5696 -> 127.0.0.1:40000" in out


