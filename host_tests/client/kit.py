"""What the client's tests share: certificates, servers that follow a script, and the runtimes."""

import contextlib
import datetime
import json
import os
import select
import socket
import ssl
import tempfile
import threading

import drive
import ports
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME = "kmip.test"
DAY = datetime.timedelta(days=1)


class Identity:
    """A key and a certificate, signed by `issuer` or by itself."""

    def __init__(self, common_name, issuer=None, dns=None, usage=None, start=-1, end=30, key=None):
        now = datetime.datetime.now(datetime.UTC)
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = (
            x509.CertificateBuilder().subject_name(name)
            .issuer_name(issuer.cert.subject if issuer else name)
            .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now + start * DAY).not_valid_after(now + end * DAY)
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        )
        if dns:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(dns)]), critical=False)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        self.cert = builder.sign(issuer.key if issuer else self.key, hashes.SHA256())

    @property
    def der(self):
        return self.cert.public_bytes(serialization.Encoding.DER)

    @property
    def key_der(self):
        return self.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption())

    @property
    def pem(self):
        return self.cert.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption())


def server_identity(ca, dns=NAME, **dates):
    return Identity(dns, ca, dns, ExtendedKeyUsageOID.SERVER_AUTH, **dates)


def client_identity(ca, name="meter-1", **dates):
    return Identity(name, ca, None, ExtendedKeyUsageOID.CLIENT_AUTH, **dates)


class Pki:
    """One CA and one identity of each kind."""

    def __init__(self):
        self.ca = Identity("test CA")
        self.other_ca = Identity("test CA")  # the same name, another key
        self.server = server_identity(self.ca)
        self.client = client_identity(self.ca)

    def job(self, port, **more):
        """What drive.run() takes."""
        job = {
            "port": port, "name": NAME, "anchors": [{"hex": self.ca.der.hex()}],
            "cert": {"hex": self.client.der.hex()}, "key": {"hex": self.client.key_der.hex()},
        }
        job.update(more)
        return job


def server_context(identity, client_ca, versions=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_chain(context, identity)
    context.load_verify_locations(cadata=client_ca.pem.decode())
    context.verify_mode = ssl.CERT_REQUIRED
    if versions:
        context.minimum_version = context.maximum_version = versions
    return context


def load_chain(context, identity):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "own.pem")
        with open(path, "wb") as file:
            file.write(identity.pem + identity.key_pem)
        context.load_cert_chain(path)


class Server:
    """Accepts connections on a free port and hands each to `behave(sock)` on a thread of its own.

    With a context `sock` is a TLS socket after its handshake, without one it is bare. Once `behave` is
    done, the connection stays until the client closes it; `gone` is set then. `errors` holds what went
    wrong in handshakes.
    """

    def __init__(self, behave, context=None):
        self._behave = behave
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.gone = threading.Event()
        self.errors = []
        self.connections = 0
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *exc):
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # ends accept()
        for thread in list(self._threads):
            thread.join(5)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock = self._listener.accept()[0]
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, sock):
        sock.settimeout(30)
        try:
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                try:
                    sock.do_handshake()
                except (OSError, ValueError) as error:
                    self.errors.append(str(error))
                    self._drain(sock)  # closing at once could destroy the alert on its way
                    return
            self._behave(sock)
            self._drain(sock)
        except OSError:
            pass  # the client has closed first
        finally:
            sock.close()
            self.gone.set()

    def _drain(self, sock):
        # Read until the client closes, for as long as the server runs; TLS is not asked any more.
        while not self._stopping.is_set() and sock.fileno() >= 0:
            if select.select([sock], [], [], 0.1)[0] and not socket.socket.recv(sock, 4096):
                break

    def pause(self, seconds):
        """Wait, but not longer than the server runs; False when it ends."""
        return not self._stopping.wait(seconds)


def read_message(sock):
    """One whole TTLV message; b"" at the end."""
    data = b""
    while len(data) < 8 or len(data) < 8 + int.from_bytes(data[4:8], "big"):
        part = sock.recv(65536)
        if not part:
            return b""
        data += part
    return data


def read_http(sock):
    """One whole request with a Content-Length; b"" at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    size = int(head.partition(b"Content-Length:")[2].split(b"\r\n")[0])
    while len(body) < size:
        body += sock.recv(65536)
    return head + body


class Runtime:
    """Where the client runs: in this process on CPython, or on one of the Unix ports."""

    def __init__(self, name):
        self.name = name
        self.port = None if name == "CPython" else ports.open_port(name)

    def run(self, job, *options, script=drive):
        """A script's run(job) there; its results. `options`: the Unix port's own."""
        if self.port is None:
            return script.run(job)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "job.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(job, file)
            status, output = self.port.run(
                [*options, script.__file__, path], path=(ports.FIRMWARE, os.path.dirname(script.__file__)))
        if status:
            raise AssertionError(output)
        return [json.loads(line) for line in output.splitlines()]
