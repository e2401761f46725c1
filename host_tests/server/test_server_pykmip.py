"""PyKMIP 0.11.0's own client, unmodified, against this server: independent eyes on the answers."""

import os
import ssl
import time

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key
from serverkit import Wire, client_files, direct, ttlv

from tools.refserver import Server, cryptoenums, init
from tools.refserver import enums as refserver_enums
from tools.refserver.enums import Operation
from tools.refserver.tags import Tag as T

pytest.importorskip("kmip", reason="PyKMIP is not installed")

from kmip import enums
from kmip.core.factories.attributes import AttributeFactory
from kmip.pie import client as pie
from kmip.pie import objects
from kmip.pie.exceptions import KmipOperationFailure
from kmip.services.kmip_client import KMIPProxy

# PyKMIP asks for ssl.PROTOCOL_SSLv23, which newer Pythons call deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

A, M = enums.CryptographicAlgorithm, enums.CryptographicUsageMask
V = enums.KMIPVersion


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    """Keyword arguments of a PyKMIP client for a running server."""
    folder = tmp_path_factory.mktemp("pykmip")
    init(folder / "state")
    with Server(folder / "state") as server:
        server.engine.add_device("meter-0001")
        cert, key, anchor = client_files(folder, folder / "state", "meter-0001",
                                         int(time.time()))
        yield {"hostname": "127.0.0.1", "port": server.port, "cert": str(cert),
               "key": str(key), "ca": str(anchor), "ssl_version": "PROTOCOL_SSLv23"}


@pytest.fixture(params=[V.KMIP_1_0, V.KMIP_1_1, V.KMIP_1_2, V.KMIP_1_3, V.KMIP_1_4],
                ids=lambda version: version.name)
def client(request, arguments):
    with pie.ProxyKmipClient(kmip_version=request.param, **arguments) as opened:
        yield opened


def failure(function, *args, **kwargs):
    """The Result Reason of a call that must fail."""
    with pytest.raises(KmipOperationFailure) as caught:
        function(*args, **kwargs)
    return caught.value.reason


def test_a_symmetric_key_lives_and_dies(client):
    name = "life-%s" % client.kmip_version.name
    uid = client.create(A.AES, 256, name=name, cryptographic_usage_mask=[M.ENCRYPT, M.DECRYPT])
    key = client.get(uid)
    assert len(key.value) == 32
    assert key.cryptographic_algorithm == A.AES
    by_name = AttributeFactory().create_attribute(enums.AttributeType.NAME, name)
    assert client.locate(attributes=[by_name]) == [uid]
    names = client.get_attribute_list(uid)
    assert {"State", "Name", "Cryptographic Algorithm", "Unique Identifier"} <= set(names)
    client.activate(uid)
    _, attributes = client.get_attributes(uid, ["State"])
    assert attributes[0].attribute_value.value == enums.State.ACTIVE
    assert failure(client.destroy, uid) == enums.ResultReason.PERMISSION_DENIED
    client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, uid, "done")
    client.destroy(uid)
    assert failure(client.get, uid) == enums.ResultReason.ILLEGAL_OPERATION


def test_register_and_get(client):
    suffix = client.kmip_version.name
    secret = os.urandom(16)
    symmetric = objects.SymmetricKey(A.AES, 128, secret, [M.ENCRYPT, M.MAC_GENERATE],
                                     name="key-" + suffix)
    assert client.get(client.register(symmetric)).value == secret
    data = objects.SecretData(b"a password", enums.SecretDataType.PASSWORD, [M.DERIVE_KEY],
                              name="password-" + suffix)
    assert client.get(client.register(data)).value == b"a password"
    opaque = objects.OpaqueObject(b"opaque bytes", enums.OpaqueDataType.NONE, "opaque-" + suffix)
    assert client.get(client.register(opaque)).value == b"opaque bytes"
    again = objects.SymmetricKey(A.AES, 128, secret, [M.ENCRYPT], name="key-" + suffix)
    assert failure(client.register, again) == enums.ResultReason.INVALID_FIELD


def test_a_certificate(client, arguments):
    with open(arguments["cert"]) as file:
        pem = file.read()
    der = ssl.PEM_cert_to_DER_cert(pem)
    certificate = objects.X509Certificate(der, [M.VERIFY], "cert-" + client.kmip_version.name)
    assert client.get(client.register(certificate)).value == der


def test_a_key_pair(client):
    public_uid, private_uid = client.create_key_pair(
        A.RSA, 2048, public_usage_mask=[M.VERIFY], private_usage_mask=[M.SIGN])
    public, private = client.get(public_uid), client.get(private_uid)
    assert load_der_private_key(private.value, None).key_size == 2048
    assert public.cryptographic_length == 2048


def test_check_and_unknown_objects(client):
    uid = client.create(A.AES, 128, cryptographic_usage_mask=[M.ENCRYPT])
    assert client.check(uid, cryptographic_usage_mask=[M.ENCRYPT]) == uid
    assert failure(client.get, "no-such-object") == enums.ResultReason.ITEM_NOT_FOUND


def test_a_key_made_by_pykmip_is_the_same_for_another_client(arguments):
    with pie.ProxyKmipClient(**arguments) as client:
        uid = client.create(A.AES, 128, cryptographic_usage_mask=[M.ENCRYPT])
        value = client.get(uid).value
    files = (arguments["cert"], arguments["key"], arguments["ca"])
    with Wire(arguments["port"], files) as wire:
        payload = direct.payload_of(wire.call(
            Operation.GET, ttlv.text(T.UNIQUE_IDENTIFIER, uid)))
    block = payload.find(T.SYMMETRIC_KEY).find(T.KEY_BLOCK)
    assert block.find(T.KEY_VALUE).find(T.KEY_MATERIAL).value == value


def test_query_and_discover_versions(arguments):
    proxy = KMIPProxy(host="127.0.0.1", port=arguments["port"], certfile=arguments["cert"],
                      keyfile=arguments["key"], ca_certs=arguments["ca"],
                      ssl_version="PROTOCOL_SSLv23", cert_reqs="CERT_REQUIRED")
    proxy.open()
    try:
        result = proxy.discover_versions()
        assert [(version.major, version.minor) for version in result.protocol_versions] == [
            (1, 4), (1, 3), (1, 2), (1, 1), (1, 0)]
        function = enums.QueryFunction
        result = proxy.query(query_functions=[
            function.QUERY_OPERATIONS, function.QUERY_OBJECTS,
            function.QUERY_SERVER_INFORMATION])
        assert enums.Operation.RECERTIFY in result.operations
        assert enums.ObjectType.CERTIFICATE in result.object_types
        assert result.vendor_identification
    finally:
        proxy.close()


SPELLED_OTHERWISE = {"ObjectType.OPAQUE_DATA", "PaddingMethod.PKCS1v15",
                     "RecommendedCurve.SECP191K1"}  # the last is PyKMIP's misprint


def squeezed(name):
    return name.replace("_", "")


def test_every_number_agrees_with_pykmips():
    """Tags and enumerations: PyKMIP took them from the specification by itself."""
    mine = {int(tag): tag.name for tag in T}
    compared = 0
    for tag in enums.Tags:
        if tag.value in mine:
            assert squeezed(mine[tag.value]) == squeezed(tag.name)
            compared += 1
    assert compared > 300
    for module in (refserver_enums, cryptoenums):
        for name, kind in vars(module).items():
            if not (hasattr(enums, name) and hasattr(kind, "known")):
                continue
            mine = {int(member): member.name for member in kind}
            for member in getattr(enums, name):
                if str(member) in SPELLED_OTHERWISE:
                    continue
                same = squeezed(mine[member.value])
                assert same.startswith(squeezed(member.name)), member
                compared += 1
    assert compared > 600
