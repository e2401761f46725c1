"""Discover Versions (KMIP 1.1+ §4.26)."""

from ..enums import Operation
from ..message import version_item
from ..schema import INTEGER, STRUCTURE, Field
from ..tags import Tag as T

OPERATION = Operation.DISCOVER_VERSIONS
WRITES = False
FIELDS = [Field(T.PROTOCOL_VERSION, STRUCTURE, many=True, fields=[
    Field(T.PROTOCOL_VERSION_MAJOR, INTEGER, True),
    Field(T.PROTOCOL_VERSION_MINOR, INTEGER, True),
])]


def run(ctx, request):
    """The versions both sides speak, the server's newest first; all if the client names none."""
    wanted = {
        (version.protocol_version_major, version.protocol_version_minor)
        for version in request.protocol_version
    }
    return [version_item(version) for version in ctx.engine.options.versions
            if not wanted or divmod(version, 10) in wanted]
