"""CPython stand-in for MicroPython's built-in `tls` module, over CPython's own ssl: what firmware/ uses
of it, on any raw stream with readinto() and write(), with certificates and keys as DER.

On MicroPython a raw stream reports "not now" as None and an error as a negative errno; so here.
"""

import os
import ssl
import tempfile

PROTOCOL_TLS_CLIENT = ssl.PROTOCOL_TLS_CLIENT
PROTOCOL_TLS_SERVER = ssl.PROTOCOL_TLS_SERVER
CERT_REQUIRED = ssl.CERT_REQUIRED

_RECORD = 16384


class SSLContext(ssl.SSLContext):
    """asyncio takes it, too: the errors of TLS have MicroPython's numbers from the _Object on."""

    verify_callback = None

    def __init__(self, protocol):
        self.sslobject_class = _Object

    def load_verify_locations(self, cadata):
        super().load_verify_locations(cadata=bytes(cadata))

    def load_cert_chain(self, cert, key):
        # CPython loads files only; this one is there for a moment and for its owner alone.
        pem = ssl.DER_cert_to_PEM_cert(bytes(cert)) + _key_pem(bytes(key))
        handle, path = tempfile.mkstemp()
        try:
            with os.fdopen(handle, "w") as file:
                file.write(pem)
            super().load_cert_chain(path)
        finally:
            os.unlink(path)

    def wrap_socket(self, sock, server_side=False, do_handshake_on_connect=True, server_hostname=None):
        return _Stream(self, sock, server_side, do_handshake_on_connect, server_hostname)


def _as_micropython(method):
    def call(*args, **kwargs):
        try:
            return method(*args, **kwargs)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:  # and raised as one again, which is what asyncio looks for
            raise ssl.SSLError(-30592 if "ALERT" in str(error) else -1, str(error)) from error

    return call


class _Object(ssl.SSLObject):
    read = _as_micropython(ssl.SSLObject.read)
    write = _as_micropython(ssl.SSLObject.write)
    _shake = _as_micropython(ssl.SSLObject.do_handshake)

    def do_handshake(self):
        self._shake()
        look = self.context.verify_callback
        if look is not None:
            look(memoryview(self.getpeercert(True)), 0)


def _key_pem(der):
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_der_private_key(der, None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


class _Stream:
    def __init__(self, context, raw, server_side, do_handshake_on_connect, server_hostname):
        self._raw = raw
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        # mbedTLS holds a client's certificate against that name, too.
        self._peer = server_hostname if server_side else None
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side, None if server_side else server_hostname
        )
        self._buffer = bytearray(_RECORD)
        self._sending = b""
        self._shaken = False
        if do_handshake_on_connect and not self._shake():
            raise OSError(11, "the raw stream does not wait")

    def _shake(self):
        if not self._shaken and self._run(self._tls.do_handshake):
            if self._peer is not None and self._peer not in _names(self._tls.getpeercert()):
                raise ValueError("The certificate's name does not match with the expected CN")
            self._shaken = True
        return self._shaken

    def _run(self, function, *args):
        """What the function gives (True for None), or None where the raw stream has nothing for it."""
        while True:
            try:
                result = function(*args)
            except ssl.SSLWantReadError:
                self._flush()
                if not self._fill():
                    return None
            except ssl.SSLError as error:
                self._flush()
                if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                    raise ValueError(error.args[1]) from error
                raise
            else:
                self._flush()
                return True if result is None else result

    def _flush(self):
        self._sending += self._outgoing.read()
        while self._sending:
            count = self._raw.write(self._sending)
            if count is None:
                break
            self._sending = self._sending[_checked(count) :]

    def _fill(self):
        count = self._raw.readinto(self._buffer)
        if count is None:
            return False
        if _checked(count):
            self._incoming.write(memoryview(self._buffer)[:count])
        else:
            self._incoming.write_eof()
        return True

    def readinto(self, buf):
        if not self._shake():
            return None
        try:
            return self._run(self._tls.read, len(buf), buf)
        except OSError as error:
            if "EOF" in str(error):
                return 0
            raise

    def write(self, buf):
        return self._run(self._tls.write, buf) if self._shake() else None

    def close(self):
        try:
            self._tls.unwrap()
        except (ssl.SSLError, OSError, ValueError):
            pass
        try:
            self._flush()
        except OSError:
            pass


def _names(certificate):
    found = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    if not found:
        found = [value for part in certificate["subject"] for kind, value in part if kind == "commonName"]
    return found


def _checked(count):
    if count < 0:
        raise OSError(-count, os.strerror(-count))
    return count
