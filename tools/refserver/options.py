"""The server's settings: config.json in the state folder, with what a test overrides."""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path

FILE = "config.json"
VERSIONS = (21, 20, 14, 13, 12, 11, 10)


@dataclass
class Options:
    """Settings of an engine.

    name                 the server's DNS name, beside localhost and 127.0.0.1
    life                 seconds that an issued certificate is valid
    subject              RFC 4514 template of a device's distinguished name
    lease_seconds        the Lease Time attribute of every cryptographic object
    allow_sha1_requests  accept a certificate request signed with SHA-1 (OASIS TC-134 only)
    asynchronous         {operation's name: rule} of what is answered Pending (see pending.py)
    after_pending        what becomes of the items behind a Pending one: empty, stale, stop or pend
    pending_seconds      how long an asynchronous request, and then its answer, is kept
    passwords            {username: password}: a Username and Password credential has to be one of them;
                         where there are none, credentials are read and not relied on
    newest               the newest protocol version it speaks, 10 to 14, 20 or 21
    vendor               what Query tells as Vendor Identification
    """

    name: str = "localhost"
    life: int = 365 * 86400
    subject: str = "CN={device}"
    lease_seconds: int = 3600
    allow_sha1_requests: bool = False
    asynchronous: dict = field(default_factory=dict)
    after_pending: str = "empty"
    pending_seconds: int = 7 * 86400
    passwords: dict = field(default_factory=dict)
    newest: int = 14
    vendor: str = "kmip_lite reference server"

    @property
    def versions(self):
        """What Discover Versions tells, most preferred first."""
        return [each for each in VERSIONS if each <= self.newest]

    @classmethod
    def load(cls, folder, **overrides):
        """Of a state folder; overrides that are None do not count."""
        path = Path(folder) / FILE
        values = json.loads(path.read_text())
        known = {each.name for each in fields(cls)}
        unknown = set(values) - known
        if unknown:
            raise ValueError("%s: unknown settings %s" % (path, ", ".join(sorted(unknown))))
        values.update({key: value for key, value in overrides.items() if value is not None})
        options = cls(**values)
        options.check()
        return options

    def check(self):
        if not isinstance(self.life, int) or self.life < 1:
            raise ValueError("life must be a positive number of seconds, not %r" % (self.life,))
        if self.newest not in VERSIONS:
            raise ValueError("newest is one of %s" % ", ".join(map(str, VERSIONS)))
        if self.after_pending not in ("empty", "stale", "stop", "pend"):
            raise ValueError("after_pending is empty, stale, stop or pend, not %r" % self.after_pending)
        if "{device}" not in self.subject:
            raise ValueError("the subject template %r lacks {device}" % self.subject)

    def save(self, folder):
        path = Path(folder) / FILE
        path.write_text(json.dumps(self.__dict__, indent=1) + "\n")
