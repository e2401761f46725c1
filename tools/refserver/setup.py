"""A new state folder: settings, both CAs, the server's own certificate, an empty store."""

import os
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from . import vault
from .authority import METER_CA, SERVER_CA, Authority, new_key
from .options import FILE, Options
from .store import DATABASE, make

SERVER_CERT = "server.crt"
SERVER_KEY = "server.key"


def init(folder, name="localhost", life=None, subject=None, now=None, key_file=None):
    """Make a state folder (0700) and its store key; FileExistsError where there is one already.

    key_file: see vault.find_key()
    """
    folder = Path(folder)
    if (folder / FILE).exists():
        raise FileExistsError("%s holds a server's state already" % folder)
    options = Options(name=name)
    if life is not None:
        options.life = life
    if subject is not None:
        options.subject = subject
    options.check()
    folder.mkdir(parents=True, exist_ok=True)
    os.chmod(folder, 0o700)
    now = int(time.time() if now is None else now)
    opened = vault.create(folder, key_file)
    server_ca = Authority.create(folder, SERVER_CA, "Key server CA", now, opened)
    Authority.create(folder, METER_CA, "Meter CA", now, opened)
    issue_server(folder, server_ca, server_names(name), now, opened)
    make(folder / DATABASE)
    options.save(folder)  # last: a folder with it is whole
    return options


def server_names(name):
    """The names in a server's certificate: its own, and those of the loopback."""
    return list(dict.fromkeys([name, "localhost", "127.0.0.1"]))


def issue_server(folder, authority, names, now, opened, stem="server", life=5 * 365 * 86400):
    """A key and certificate for a server, written as STEM.crt and STEM.key (PEM; the key encrypted)."""
    key = new_key()
    certificate = authority.issue_server(
        names, key.public_key(), now - 3600, life, speaks=stem + ".crt" == SERVER_CERT)
    vault.write_private(Path(folder) / (stem + ".key"), opened.private_pem(key))
    (Path(folder) / (stem + ".crt")).write_bytes(certificate.public_bytes(Encoding.PEM))
    return certificate


def reissue(folder, now=None, key_file=None):
    """New certificates under the present server CA for every server that has one here; their file names.

    They keep their names and keys' files; a running Server has to reload().
    """
    folder = Path(folder)
    opened = vault.load(folder, key_file)
    authority = Authority.load(folder, SERVER_CA, opened)
    now = int(time.time() if now is None else now)
    done = []
    for path in sorted(folder.glob("*.crt")):
        if path.stem in (SERVER_CA, METER_CA):
            continue
        old = x509.load_pem_x509_certificate(path.read_bytes())
        names = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        issue_server(folder, authority, [str(name.value) for name in names], now, opened, path.stem)
        done.append(path.name)
    return done
