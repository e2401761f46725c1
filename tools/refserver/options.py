"""The server's settings: config.json in the state folder, with what a test overrides."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

FILE = "config.json"


@dataclass
class Options:
    """Settings of an engine.

    name                 the server's DNS name, beside localhost and 127.0.0.1
    life                 seconds that an issued certificate is valid
    subject              RFC 4514 template of a device's distinguished name
    lease_seconds        the Lease Time attribute of every cryptographic object
    allow_sha1_requests  accept a certificate request signed with SHA-1 (OASIS TC-134 only)
    vendor               what Query tells as Vendor Identification
    """

    name: str = "localhost"
    life: int = 365 * 86400
    subject: str = "CN={device}"
    lease_seconds: int = 3600
    allow_sha1_requests: bool = False
    vendor: str = "kmip_lite reference server"

    @classmethod
    def load(cls, folder, **overrides):
        """Of a state folder; overrides that are None do not count."""
        path = Path(folder) / FILE
        values = json.loads(path.read_text())
        known = {field.name for field in fields(cls)}
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
        if "{device}" not in self.subject:
            raise ValueError("the subject template %r lacks {device}" % self.subject)

    def save(self, folder):
        path = Path(folder) / FILE
        path.write_text(json.dumps(self.__dict__, indent=1) + "\n")
