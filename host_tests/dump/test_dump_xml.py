"""The XML form: there and back byte for byte, the spelling of the OASIS test cases, and what is refused."""

import struct
import time

import pytest
from dumpkit import MESSAGES, OASIS, OWN, item, run, run_binary

# Written after the OASIS test cases of KMIP 1.2 and 2.0: their indentation, their runs of spaces, hex in
# small letters, lines between the messages.
CASE = b"""<?xml version="1.0" ?>
<!-- a comment -->
<KMIP>
# TIME 0
  <RequestMessage>
    <RequestHeader>
      <ProtocolVersion>
        <ProtocolVersionMajor type="Integer" value="1"/>
        <ProtocolVersionMinor type="Integer" value="2"/>
      </ProtocolVersion>
      <BatchCount type="Integer" value="1"/>
    </RequestHeader>
    <BatchItem>
      <Operation type="Enumeration" value="Certify"/>
      <RequestPayload>
        <UniqueIdentifier type="TextString" value="pk-1"/>
        <CertificateRequestType type="Enumeration" value="PKCS_10"/>
        <CertificateRequest type="ByteString" value="3003020100"/>
        <TemplateAttribute>
          <Attribute>
            <AttributeName type="TextString" value="Cryptographic Usage Mask"/>
            <AttributeValue type="Integer" value="Verify   Sign"/>
          </Attribute>
        </TemplateAttribute>
      </RequestPayload>
    </BatchItem>
  </RequestMessage>
# [Client-A]
  <ResponsePayload/>
</KMIP>
"""


def back(xml):
    """The bytes that XML stands for."""
    status, out, err = run_binary(xml, "--from-xml", "--binary")
    assert (status, err) == (0, ""), (err, xml)
    return out


def xml_of(data):
    status, out, err = run(data, "--xml", "--secrets", "--format", "binary")
    assert (status, err) == (0, "")
    return out


def test_the_vectors_are_there():
    assert len(OWN) == 20
    if OASIS is not None:
        assert len(OASIS) == 210


@pytest.mark.parametrize("number", range(len(MESSAGES)))
def test_there_and_back(number):
    assert back(xml_of(MESSAGES[number]).encode()) == MESSAGES[number]


def test_many_messages_at_once():
    data = b"".join(MESSAGES)
    xml = xml_of(data)
    assert xml.startswith("<KMIP>\n  <RequestMessage>\n    <RequestHeader>\n") and xml.endswith("</KMIP>\n")
    assert back(xml.encode()) == data
    status, out, _ = run(xml.encode(), "--from-xml")
    assert status == 0 and [bytes.fromhex(line) for line in out.splitlines()] == MESSAGES


def test_the_vectors_need_no_number():
    for data in MESSAGES:
        xml = xml_of(data)
        assert "<TTLV" not in xml
        assert 'type="Enumeration" value="0x' not in xml


def test_a_case_as_oasis_writes_it():
    certify = bytes.fromhex(next(row["hex"] for row in OWN if row["id"] == "certify-1.2-req"))
    assert back(CASE) == certify + item(0x42007C, 1, b"")


@pytest.mark.parametrize("tag, kind, value, xml", [
    (0x42000D, 2, struct.pack(">i", -2), '<BatchCount type="Integer" value="-2"/>'),
    (0x420096, 3, struct.pack(">q", -(1 << 63)),
     '<UsageLimitsCount type="LongInteger" value="-9223372036854775808"/>'),
    (0x420052, 4, bytes.fromhex("FF" * 16), '<Modulus type="BigInteger" value="%s"/>' % ("ff" * 16)),
    (0x42005C, 5, struct.pack(">I", 7), '<Operation type="Enumeration" value="ReCertify"/>'),
    (0x42005C, 5, struct.pack(">I", 0x80000001), '<Operation type="Enumeration" value="0x80000001"/>'),
    (0x420028, 5, struct.pack(">I", 2), '<CryptographicAlgorithm type="Enumeration" value="DES3"/>'),
    (0x4200DA, 5, struct.pack(">I", 5), '<RNGAlgorithm type="Enumeration" value="ANSIX9_31"/>'),
    (0x42013B, 5, struct.pack(">I", 0x420039),
     '<AttributeReference type="Enumeration" value="InitialDate"/>'),
    (0x420010, 6, struct.pack(">Q", 1), '<BatchOrderOption type="Boolean" value="true"/>'),
    (0x420094, 7, 'a"<&>\t\n\r\u00fc\U0001f600'.encode(),
     '<UniqueIdentifier type="TextString" value="a&quot;&lt;&amp;&gt;&#9;&#10;&#13;\u00fc\U0001f600"/>'),
    (0x420094, 7, b"", '<UniqueIdentifier type="TextString" value=""/>'),
    (0x420094, 7, b"  two  spaces ", '<UniqueIdentifier type="TextString" value="  two  spaces "/>'),
    (0x420093, 8, b"\1\xab", '<UniqueBatchItemID type="ByteString" value="01ab"/>'),
    (0x420092, 9, struct.pack(">q", 1335514481),
     '<TimeStamp type="DateTime" value="2012-04-27T08:14:41+00:00"/>'),
    (0x420092, 9, struct.pack(">q", 1 << 62), '<TimeStamp type="DateTime" value="0x4000000000000000"/>'),
    (0x420092, 9, struct.pack(">q", -(1 << 62)), '<TimeStamp type="DateTime" value="0xC000000000000000"/>'),
    (0x420092, 11, struct.pack(">q", 1500000),
     '<TimeStamp type="DateTimeExtended" value="1970-01-01T00:00:01.500000+00:00"/>'),
    (0x420049, 10, struct.pack(">I", 1 << 31), '<LeaseTime type="Interval" value="2147483648"/>'),
    (0x42002C, 2, struct.pack(">i", 12), '<CryptographicUsageMask type="Integer" value="Encrypt Decrypt"/>'),
    (0x42002C, 2, struct.pack(">i", 0), '<CryptographicUsageMask type="Integer" value="0"/>'),
    (0x42002C, 2, struct.pack(">i", -(1 << 31) + 1),
     '<CryptographicUsageMask type="Integer" value="Sign 0x80000000"/>'),
    (0x42015E, 2, struct.pack(">i", 1), '<ProtectionStorageMask type="Integer" value="Software"/>'),
    (0x540001, 2, struct.pack(">i", 1), '<TTLV tag="0x540001" type="Integer" value="1"/>'),
    (0x42FFFF, 1, b"", '<TTLV tag="0x42FFFF"/>'),
    (0x42007C, 1, b"", "<ResponsePayload/>"),
])
def test_the_form_of_each_type(tag, kind, value, xml):
    data = item(tag, kind, value)
    assert xml_of(data) == xml + "\n"
    assert back(xml.encode()) == data


@pytest.mark.parametrize("xml, tag, kind, value", [
    ('<CryptographicUsageMask type="Integer" value="ContentCommitment 0x10"/>', 0x42002C, 2, b"\0\0\4\x10"),
    ('<CryptographicUsageMask type="Integer" value="12"/>', 0x42002C, 2, b"\0\0\0\x0c"),
    ('<ResultReason type="Enumeration" value="Objectarchived"/>', 0x42007E, 5, b"\0\0\0\x0d"),
    ('<HashingAlgorithm type="Enumeration" value="SHA_3_256"/>', 0x420038, 5, b"\0\0\0\x0f"),
    ('<HashingAlgorithm type="Enumeration" value="SHA3_256"/>', 0x420038, 5, b"\0\0\0\x0f"),
    ('<Operation type="Enumeration" value="0x0000000A"/>', 0x42005C, 5, b"\0\0\0\x0a"),
    ('<Operation type="Enumeration" value="10"/>', 0x42005C, 5, b"\0\0\0\x0a"),
    ('<BatchCount type="Integer" value="0xFFFFFFFE"/>', 0x42000D, 2, b"\xff\xff\xff\xfe"),
    ('<UsageLimitsCount type="LongInteger" value="0xFFFFFFFFFFFFFFFE"/>', 0x420096, 3, b"\xff" * 7 + b"\xfe"),
    ('<BatchOrderOption type="Boolean" value="0"/>', 0x420010, 6, bytes(8)),
    ('<TimeStamp type="DateTime" value="1970-01-01T01:00:01.000+01:00"/>', 0x420092, 9, bytes(7) + b"\1"),
    ('<TimeStamp type="DateTime" value="1970-01-01T00:00:01Z"/>', 0x420092, 9, bytes(7) + b"\1"),
    ('<Modulus type="BigInteger" value="0x0000000000000001"/>', 0x420052, 4, bytes(7) + b"\1"),
    ('<ResponsePayload type="Structure"></ResponsePayload>', 0x42007C, 1, b""),
    ('<TTLV tag="0x420094" name="Unique Identifier" type="TextString" value="x"/>', 0x420094, 7, b"x"),
    ('<k:ResponsePayload xmlns:k="urn:oasis"/>', 0x42007C, 1, b""),
])
def test_what_else_is_read(xml, tag, kind, value):
    assert back(xml.encode()) == item(tag, kind, value)


@pytest.mark.parametrize("xml, text", [
    ("", "no element found"),
    ("<KMIP></KMIP>", "no message in it"),
    ("<KMIP>\n<RequestMessage>", "line 2: no element found"),
    ("<RequestMessage>\n</ResponseMessage>", "line 2: mismatched tag"),
    ('<BatchCount type="Integer"/>', "has no value"),
    ('<BatchCount type="Integer" value=""/>', 'BatchCount: "" is no Integer'),
    ('<BatchCount type="Integer" value="1.5"/>', "is no Integer"),
    ('<BatchCount type="Integer" value="\u0661"/>', "is no Integer"),
    ('<BatchCount type="Integer" value="2147483648"/>', "out of range"),
    ('<BatchCount type="Integer" value="0x123456789"/>', "more than 8 hex digits"),
    ('<BatchCount type="Integer" value="%s"/>' % ("9" * 5000), "is no Integer"),
    ('<LeaseTime type="Interval" value="-1"/>', "out of range"),
    ('<Operation type="Enumeration" value="Fly"/>', 'Operation: "Fly" is no Enumeration'),
    ('<Operation type="Enumeration" value="-1"/>', "out of range"),
    ('<CryptographicUsageMask type="Integer" value="Sign Fly"/>', '"Fly" is no Integer'),
    ('<BatchOrderOption type="Boolean" value="True"/>', "a Boolean is true or false"),
    ('<UniqueBatchItemID type="ByteString" value="012"/>', "a Byte String is hex"),
    ('<UniqueBatchItemID type="ByteString" value="0x01"/>', "a Byte String is hex"),
    ('<Modulus type="BigInteger" value="01"/>', "a multiple of 16 hex digits"),
    ('<Modulus type="BigInteger" value=""/>', "a multiple of 16 hex digits"),
    ('<TimeStamp type="DateTime" value="2012-04-27T08:14:41"/>', "is no Date-Time"),
    ('<TimeStamp type="DateTime" value="2012-04-31T08:14:41Z"/>', "is no Date-Time"),
    ('<TimeStamp type="DateTime" value="2012-04-27T08:14:41.5Z"/>', "is no Date-Time"),
    ('<TimeStamp type="DateTime" value="$NOW-3600"/>', "a placeholder, to be filled in first"),
    ('<Fly type="Integer" value="1"/>', 'no tag is named "Fly"'),
    ('<BatchCount type="Fly" value="1"/>', 'no type is named "Fly"'),
    ('<BatchCount type="Integer" value="1" fly="1"/>', 'unknown attribute "fly"'),
    ('<TTLV type="Integer" value="1"/>', "TTLV without a tag"),
    ('<TTLV tag="0x430001" type="Integer" value="1"/>', "begins with neither 42 nor 54"),
    ('<ResponsePayload value="1"/>', "is a Structure and has a value"),
    ('<BatchItem>\n<BatchCount type="Integer" value="1">1</BatchCount></BatchItem>',
     "line 2: text in a message"),
    ('<BatchCount type="Integer" value="1"><BatchCount type="Integer" value="1"/></BatchCount>',
     "an element in one that is no Structure"),
    ("<KMIP><KMIP/></KMIP>", 'no tag is named "KMIP"'),
    ("<BatchItem>" * 65 + "</BatchItem>" * 65, "nested more than 64 deep"),
    ('<!DOCTYPE KMIP [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;">]><KMIP>&b;</KMIP>', "a DOCTYPE is not read"),
    ('<!DOCTYPE KMIP SYSTEM "file.dtd"><KMIP/>', "a DOCTYPE is not read"),
    ("<KMIP>&b;</KMIP>", "undefined entity"),
    ('<?xml version="1.0" encoding="x-none"?><KMIP/>', "unknown encoding"),
])
def test_what_is_no_xml_form(xml, text):
    status, out, err = run(xml.encode(), "--from-xml")
    assert (status, out) == (1, "")
    assert text in err and err.startswith("kmipdump: standard input: ")


def test_the_depth_is_that_of_the_binary_form():
    deepest = "<BatchItem>" * 64 + '<BatchCount type="Integer" value="1"/>' + "</BatchItem>" * 64
    data = back(deepest.encode())
    assert back(xml_of(data).encode()) == data


def test_what_stood_before_an_error_is_written():
    line = CASE.splitlines().index(b"  <ResponsePayload/>") + 1
    status, out, err = run(CASE.replace(b"<ResponsePayload/>", b"<Fly/>"), "--from-xml")
    assert status == 1 and len(out.splitlines()) == 1 and "line %d" % line in err


@pytest.mark.parametrize("text", [b"\1", b"a\x1f", b"a\0b", "\ufffe".encode(), "\uffff".encode()])
def test_text_that_xml_cannot_hold_is_refused(text):
    status, out, err = run(item(0x42000F, 1, item(0x420094, 7, text)), "--xml", "--format", "binary")
    assert (status, out) == (1, "<!-- Secrets are overwritten. -->\n")
    assert "XML cannot hold the character U+" in err and "at byte 8" in err


def test_a_malformed_message_has_no_xml_form():
    good = item(0x420094, 7, b"uid")
    status, out, err = run(item(0x42000F, 1, item(0x42000D, 2, bytes(8))) + good, "--xml", "--secrets")
    assert status == 1 and out == '<UniqueIdentifier type="TextString" value="uid"/>\n'
    assert "length 8 instead of 4 at byte 12" in err


def test_redacted_xml_has_the_same_shape():
    for data in MESSAGES:
        status, out, _ = run(data, "--xml")
        assert status == 0 and len(back(out.encode())) == len(data)


def test_the_time_is_linear():
    def seconds(count):
        attribute = item(0x420008, 1, item(0x42000A, 7, b"x") + item(0x42000B, 5, b"\0\0\0\1"))
        data = item(0x42000F, 1, attribute * count)
        start = time.process_time()
        xml = xml_of(data).encode()
        assert back(xml) == data
        assert run(data)[0] == 0
        return time.process_time() - start

    seconds(100)
    assert seconds(16000) < 16 * 3 * max(seconds(1000), 0.01)
