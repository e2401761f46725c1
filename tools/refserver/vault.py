"""Encryption at rest: what of a state folder is secret, and the key that it takes to read it.

    store key     32 bytes, given at the start (see find_key()); it lies outside the state folder
    vault         in the state folder: the data key, wrapped by the store key (AES key wrap, RFC 3394)
    data key      32 bytes; never leaves the process. Out of it come a key for AES-256-GCM, under which each
                  object's material and each asynchronous request lie in the database, and the password of
                  the private keys in *.key (PKCS#8, encrypted)

What is sealed is bound to its place (an object's UID and type; a request's correlation value), so that
nobody who can write to the database can put one object's key where another's is looked for.

Attributes, Names, UIDs, the table of devices and the ledgers are in the clear.
"""

import hashlib
import hmac
import os
import secrets
import stat
import sys
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

FILE = "vault"
VARIABLE = "KMIP_STORE_KEY"
_SIZE = 32
_NONCE = 12
SEALED = 1  # the first byte of what is sealed; what is not begins with TTLV's 42


class Vault:
    """Seals and opens with the data key of one state folder; ValueError for what cannot be opened."""

    def __init__(self, data_key):
        self._data_key = data_key
        self._cipher = AESGCM(self._derived(b"material"))
        self._password = self._derived(b"private keys").hex().encode()

    def _derived(self, label):
        return hmac.digest(self._data_key, label, hashlib.sha256)

    def seal(self, label, data):
        """The bytes to store in the place that `label` names."""
        nonce = os.urandom(_NONCE)
        return bytes((SEALED,)) + nonce + self._cipher.encrypt(nonce, data, label.encode())

    def open(self, label, sealed):
        """The bytes that seal() was given for this label."""
        if sealed[0] != SEALED:
            raise ValueError("%s is not encrypted" % label)
        try:
            return self._cipher.decrypt(sealed[1:1 + _NONCE], sealed[1 + _NONCE:], label.encode())
        except InvalidTag:
            raise ValueError("%s is damaged, or was moved there from elsewhere" % label)

    def private_pem(self, key):
        """A private key as encrypted PEM."""
        return key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8,
                                 ser.BestAvailableEncryption(self._password))

    def load_pem(self, path):
        """The private key in an encrypted PEM file."""
        try:
            return ser.load_pem_private_key(Path(path).read_bytes(), self._password)
        except TypeError:
            raise ValueError("%s is not encrypted; see refserver migrate" % path)

    def load_cert_chain(self, context, certificate, path):
        """Give an SSLContext a certificate, and its private key from an encrypted PEM file."""
        self.load_pem(path)  # for the error, which the other's does not tell
        context.load_cert_chain(certificate, path, self._password)


def key_path(folder):
    """Where the store key of a folder is looked for by default: beside it."""
    folder = Path(folder).absolute()
    return folder.with_name(folder.name + ".key")


def find_key(folder, source=None, make=False):
    """The store key of a state folder, 32 bytes, written as 64 hexadecimal digits.

    source  a file that only its owner can read, or "-" for standard input; None: the environment's
            KMIP_STORE_KEY where that is set, else the file beside the folder, DIR.key
    make    make the file with a new key where there is none

    Never on the command line, which every process of the machine can read. ValueError says in one line
    what is wrong.
    """
    if source == "-":
        return _parse(sys.stdin.readline(), "standard input")
    if source is None and os.environ.get(VARIABLE):
        return _parse(os.environ[VARIABLE], VARIABLE)
    path = Path(source or key_path(folder))
    if make and not path.exists():
        write_key(path, secrets.token_bytes(_SIZE))
    try:
        mode = path.stat().st_mode
    except OSError:
        raise ValueError("no store key for %s: %s is not there, and %s is not set" % (folder, path, VARIABLE))
    if stat.S_IMODE(mode) & 0o077:
        raise ValueError("%s can be read by others than its owner; chmod 600 it, or rotate the key" % path)
    return _parse(path.read_text(errors="replace"), path)


def _parse(text, source):
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _SIZE:
        raise ValueError("%s holds no store key, which is %d hexadecimal digits" % (source, 2 * _SIZE))
    return key


def write_key(path, key):
    """Write a store key's file (0600)."""
    write_private(path, key.hex().encode() + b"\n")


def write_private(path, data):
    """Write a file that only its owner can read; it replaces an older one as a whole."""
    path = Path(path)
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def create(folder, source=None):
    """A new data key for a folder, wrapped by its store key, which is made if need be; the Vault."""
    data_key = secrets.token_bytes(_SIZE)
    _wrap(folder, find_key(folder, source, make=True), data_key)
    return Vault(data_key)


def _wrap(folder, store_key, data_key):
    write_private(Path(folder) / FILE, aes_key_wrap(store_key, data_key).hex().encode() + b"\n")


def _unwrap(folder, store_key):
    path = Path(folder) / FILE
    try:
        return aes_key_unwrap(store_key, bytes.fromhex(path.read_text()))
    except FileNotFoundError:
        raise ValueError("%s is not encrypted yet: python -m tools.refserver migrate --dir %s"
                         % (folder, folder))
    except (ValueError, InvalidUnwrap):
        raise ValueError("the store key does not open %s" % path)


def load(folder, source=None):
    """The Vault of a state folder."""
    if not Path(folder).is_dir():
        raise FileNotFoundError("there is no state folder %s" % folder)
    if not (Path(folder) / FILE).exists():
        _unwrap(folder, None)
    path = source or (None if os.environ.get(VARIABLE) else key_path(folder))
    fresh = path and path != "-" and _fresh(path)
    if fresh and fresh.exists():  # rotate() was cut off: which of the two is it?
        try:
            data_key = _unwrap(folder, find_key(folder, fresh))
        except ValueError:
            pass
        else:
            os.replace(fresh, path)
            return Vault(data_key)
    return Vault(_unwrap(folder, find_key(folder, source)))


def _fresh(path):
    return Path(str(path) + ".new")


def rotate(folder, source=None, into=None):
    """Wrap the data key by a new store key; the old one opens the folder no more.

    into  the file of the new key, which is made where it is not there; None: the old one's file

    A server that runs goes on, for it has the data key. A copy of the folder made before stays readable
    with the old key.
    """
    old = find_key(folder, source)
    data_key = _unwrap(folder, old)
    if into is not None:
        _wrap(folder, find_key(folder, into, make=True), data_key)
        return Path(into)
    if source == "-" or (source is None and os.environ.get(VARIABLE)):
        raise ValueError("the old key is in no file: say where the new one is to be, with --new-key-file")
    path = Path(source or key_path(folder))
    new = secrets.token_bytes(_SIZE)
    write_key(_fresh(path), new)
    _wrap(folder, new, data_key)
    os.replace(_fresh(path), path)
    return path
