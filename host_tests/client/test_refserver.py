"""The client against the project's reference server, over mutual TLS, on CPython and both Unix ports."""

import errno
import types

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tools.provision import provision
from tools.refserver import Server, faults, init

VERSIONS = (10, 11, 12, 13, 14)
PERMISSION_DENIED = 0x0C
TOTAL = 1000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refserver")
    init(folder / "state")
    with Server(folder / "state") as running:
        running.folder = folder
        yield running


class Meter:
    """A provisioned device and what runs it."""

    def __init__(self, runtime, server, name):
        self.runtime = runtime
        self.server = server
        self.name = name
        self.folder = server.folder / name
        self.config = types.SimpleNamespace(
            **provision(server.folder / "state", name, self.folder, usage_total=TOTAL))
        self.cert = self.der("cert")
        self.key = self.der("key")

    def der(self, name):
        return (self.folder / (name + ".der")).read_bytes()

    def run(self, *calls, **more):
        """The results of calls on one connection."""
        job = {
            "port": self.server.port, "name": "localhost", "calls": calls, "buf": 4096,
            "anchors": [hexed(self.der("server_ca"))], "cert": hexed(self.cert), "key": hexed(self.key),
        }
        job.update(more)
        connected, *results = self.runtime.run(job)
        assert connected["value"] is None, connected
        assert len(results) == len(calls)
        return results

    def values(self, *calls, **more):
        """The values of calls that must all succeed."""
        results = self.run(*calls, **more)
        assert not [result for result in results if "error" in result], results
        return [result["value"] for result in results]


numbers = {}


@pytest.fixture
def meter(runtime, server):
    """A new device on each of the runtimes."""
    number = numbers[runtime.name] = numbers.get(runtime.name, 0) + 1
    return Meter(runtime, server, "meter-%s-%d" % (runtime.name, number))


def hexed(data):
    return {"hex": data.hex()}


def new_key(name):
    """(private key as DER, its public key's SPKI, a PKCS#10 for it), of a device of this name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption())
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, public, request.public_bytes(serialization.Encoding.DER)


NOTHING = {}
MASK = ["Cryptographic Usage Mask", 0x42002C, 2, 2]


def name_of(text):
    return ["Name", 0x420053, 1, [[0x420055, 7, text], [0x420054, 5, 1]]]


def enrolment(public, request, name):
    """Register, Certify and Get, in one message by the ID Placeholder."""
    return ["batch", [
        ["register", [3, hexed(public)],
         {"attributes": [name_of(name), MASK], "format": 5, "algorithm": 6, "bits": 256}],
        ["certify", [], {"csr": hexed(request)}],
        ["get", [], NOTHING],
    ], NOTHING]


def test_versions(meter):
    agreed, operations = meter.values(["agree", [], NOTHING], ["query", [], NOTHING])
    assert agreed == 14
    assert {3, 6, 7, 10, 0x11} <= set(dict(operations)[0x42005C])
    assert meter.values(["agree", [[12, 11]], NOTHING]) == [12]
    assert meter.values(["discover_versions", [], NOTHING]) == [[14, 13, 12, 11, 10]]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_meters_life(meter, version):
    config = meter.config
    key, certificate, uid, allowed, attributes, found = meter.values(
        ["get", [config.key_uid], NOTHING],
        ["get", [config.cert_uid], NOTHING],
        ["check", [config.key_uid, 5], NOTHING],
        ["get_usage_allocation", [config.key_uid, 5], NOTHING],
        ["get_attributes", [config.cert_uid, ["State", "Link"]], NOTHING],
        ["locate", [[name_of(meter.name + "/usage")]], NOTHING],
        version=version,
    )
    assert (key["object_type"], key["format"], key["algorithm"], key["bits"]) == (2, 1, 3, 128)
    assert len(bytes.fromhex(key["value"]["hex"])) == 16
    assert bytes.fromhex(certificate["value"]["hex"]) == meter.cert
    assert uid == allowed == config.key_uid and found == [config.key_uid]
    values = {name: value for name, _, value in attributes}
    assert values["State"] == 2
    assert values["Link"] == [[0x42004B, 5, 0x102], [0x42004C, 7, config.public_key_uid]]


@pytest.mark.parametrize("version", VERSIONS)
def test_enrolment_in_one_message(meter, version):
    private, public, request = new_key(meter.name)
    ((public_uid, cert_uid, fetched),) = meter.values(
        enrolment(public, request, "key-1"), version=version)
    der = bytes.fromhex(fetched["value"]["hex"])
    made = x509.load_der_x509_certificate(der)
    assert made.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo) == public
    assert made.subject.rfc4514_string() == "CN=" + meter.name
    # The new certificate opens the door, and what was the meter's is still its own.
    before, meter.cert, meter.key = meter.cert, der, private
    links, key = meter.values(
        ["get_attributes", [public_uid, ["Link"]], NOTHING],
        ["get", [meter.config.key_uid], NOTHING], version=version)
    assert [0x42004C, 7, cert_uid] in links[0][2]
    assert key["object_type"] == 2 and before != der


@pytest.mark.parametrize("version", VERSIONS)
def test_renewal_in_one_message(meter, version):
    config = meter.config
    ((cert_uid, fetched),) = meter.values(
        ["batch", [
            ["recertify", [config.cert_uid], {"csr": hexed(meter.der("csr")), "offset": 0}],
            ["get", [], NOTHING],
        ], NOTHING], version=version)
    der = bytes.fromhex(fetched["value"]["hex"])
    assert cert_uid != config.cert_uid and der != meter.cert
    meter.cert = der
    attributes, key = meter.values(
        ["get_attributes", [config.cert_uid, ["Link"]], NOTHING],
        ["get", [config.key_uid], NOTHING], version=version)
    links = [{tag: value for tag, _, value in link} for _, _, link in attributes]
    assert {0x42004B: 0x106, 0x42004C: cert_uid} in links  # the Replacement Object
    assert key["object_type"] == 2


def refused(result, reason, text):
    assert (result.get("error"), result.get("reason")) == ("KmipError", reason), result
    assert text in result["text"], result


def test_unknown_object(meter):
    failed, again = meter.run(
        ["get", ["no-such-object"], NOTHING], ["get", [meter.config.key_uid], NOTHING])
    refused(failed, 1, "no-such-object")
    assert again["value"]["object_type"] == 2


def test_refused_allocation(meter):
    uid = meter.config.key_uid
    granted, failed, rest, more = meter.run(
        ["get_usage_allocation", [uid, TOTAL - 10], NOTHING],
        ["get_usage_allocation", [uid, 11], NOTHING],
        ["get_usage_allocation", [uid, 10], NOTHING],
        ["get_usage_allocation", [uid, 1], NOTHING])
    assert granted["value"] == rest["value"] == uid
    refused(failed, PERMISSION_DENIED, "")
    refused(more, PERMISSION_DENIED, "")
    assert failed["text"].rpartition(": ")[2], failed


def test_another_meters_objects(meter, server):
    other = provision(server.folder / "state", meter.name + "-other", server.folder / (meter.name + "-other"))
    results = meter.run(
        ["get", [other["key_uid"]], NOTHING],
        ["get", [other["cert_uid"]], NOTHING],
        ["get_usage_allocation", [other["key_uid"], 1], NOTHING],
        ["recertify", [other["cert_uid"]], {"csr": hexed(meter.der("csr")), "offset": 0}],
        ["get_attributes", [other["key_uid"]], NOTHING],
    )
    for result in results:
        refused(result, 1, "there is no object")
    # A request that names another is no way round it.
    _, public, request = new_key(other["device"])
    ((uid, failed, rest),) = meter.values(enrolment(public, request, "key-1"))
    assert isinstance(uid, str)
    assert (failed["error"], failed["reason"]) == ("KmipError", PERMISSION_DENIED), failed
    assert rest is None or rest["error"] == "KmipError"


def test_a_request_that_is_none_of_ours(meter):
    _, public, request = new_key(meter.name)
    ((_, failed, rest),) = meter.values(enrolment(public, request[:-1] + b"\0", "key-1"))
    assert (failed["error"], failed["reason"]) == ("KmipError", 7), failed
    assert rest is None or rest["error"] == "KmipError"


def test_a_response_too_large_for_the_buffer(meter):
    failed, again = meter.run(
        ["get", [meter.config.cert_uid], NOTHING], ["get", [meter.config.key_uid], NOTHING], buf=400)
    refused(failed, 2, "")
    assert again["value"]["object_type"] == 2


def test_faults_of_the_server(meter, server):
    get = ["get", [meter.config.key_uid], NOTHING]
    for fault, errors in (
        ({"cut": 40}, ("OSError", "ConnectionResetError")),
        ({"close": True}, ("OSError", "ConnectionResetError")),
        ({"lose": True}, ("OSError", "ConnectionResetError")),
        ({"replace": faults.malformed()}, ("TTLVError",)),
        ({"replace": faults.malformed(60, 0xEE)}, ("TTLVError",)),
        ({"replace": faults.oversized(5000)}, ("TTLVError",)),
        ({"replace": faults.claimed_length(0xFFFFFFF8)}, ("TTLVError",)),
        ({"replace": faults.other_version(1, 4)}, ("TTLVError",)),
        ({"replace": faults.other_operation(6)}, ("TTLVError",)),
        ({"delay": 30}, ("OSError", "TimeoutError")),
    ):
        server.faults.add(**fault)
        failed, again = meter.run(get, get, exchange=1.5)
        assert failed["error"] in errors, (fault, failed)
        assert "closed" in again["text"] and again["errno"] == errno.ENOTCONN
        assert failed["seconds"] < 8
    server.faults.clear()
    assert meter.values(get)[0]["object_type"] == 2
