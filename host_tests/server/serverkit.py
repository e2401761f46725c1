"""What the server's tests share: a state folder, identities, a plain TLS client, vectors."""

import json
import socket
import ssl
from pathlib import Path

from cryptography.hazmat.primitives import serialization as ser

from tools.refserver import Engine, direct, init, ttlv
from tools.refserver.authority import METER_CA, Authority, new_key, private_pem, subject_for
from tools.refserver.tags import Tag as T

ROOT = Path(__file__).resolve().parents[2]


class Clock:
    """A clock that a test turns by hand."""

    def __init__(self, now=1_700_000_000):
        self.now = now

    def __call__(self):
        return self.now


ENGINES = []  # made by make_engine; conftest.py closes them after each test


def make_engine(folder, clock=None, device="meter-0001", **options):
    """(engine, Direct of the device) on a new state folder."""
    clock = clock or Clock()
    if not (Path(folder) / "config.json").exists():
        init(folder, now=clock.now)
    engine = Engine(folder, clock=clock, **options)
    engine.unexpected = _raise
    ENGINES.append(engine)
    return engine, direct.Direct(engine, engine.add_device(device))


def _raise(error):
    raise error


def vectors(name):
    """The messages of ../shared/vectors/NAME beside the repository, or None where it is absent."""
    path = ROOT.parent / "shared" / "vectors" / name
    return json.loads(path.read_text()) if path.exists() else None


def client_files(folder, state, common_name, now, life=3600, subject="CN={device}"):
    """Issue a client certificate; returns paths of (certificate, key, server CA) as PEM."""
    folder = Path(folder)
    authority = Authority.load(state, METER_CA)
    key = new_key()
    certificate = authority.issue_client(
        subject_for(subject, common_name), key.public_key(), now, life)
    cert_path, key_path = folder / (common_name + ".crt"), folder / (common_name + ".key")
    cert_path.write_bytes(certificate.public_bytes(ser.Encoding.PEM))
    key_path.write_bytes(private_pem(key))
    return cert_path, key_path, Path(state) / "server-ca.crt"


def der_to_pem(folder):
    """A provisioned folder's files as PEM: paths of (certificate, key, server CA)."""
    folder = Path(folder)
    paths = []
    for name, label in (("cert", "CERTIFICATE"), ("key", "EC PRIVATE KEY"),
                        ("server_ca", "CERTIFICATE")):
        text = ssl.DER_cert_to_PEM_cert((folder / (name + ".der")).read_bytes())
        path = folder / (name + ".pem")
        path.write_text(text.replace("CERTIFICATE", label))
        paths.append(path)
    return paths


class Wire:
    """A bare TLS client that sends and reads whole messages; it knows nothing of KMIP's rules."""

    def __init__(self, port, files, version=None, timeout=10, name="localhost"):
        cert, key, anchor = files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(anchor)
        if cert is not None:
            context.load_cert_chain(cert, key)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        raw = socket.create_connection(("127.0.0.1", port), timeout)
        try:
            self.tls = context.wrap_socket(raw, server_hostname=name)
        except BaseException:
            raw.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.tls.close()

    def exchange(self, data):
        """Send bytes, read one message; b"" where the server closed instead."""
        self.tls.sendall(data)
        return self.read()

    def read(self):
        data = b""
        while len(data) < 8 or len(data) < 8 + int.from_bytes(data[4:8], "big"):
            part = self.tls.recv(65536)
            if not part:
                return data
            data += part
        return data

    def call(self, operation, *payload, version=14):
        """One operation; the decoded Batch Item of its answer."""
        answer = ttlv.decode(self.exchange(direct.request(version, (operation, payload))))
        return answer.find(T.BATCH_ITEM)
