"""agree(): speak the highest version that both sides know (Discover Versions, 1.1-1.4 section 4.26,
2.x 6.1.16)."""

from micropython import const

from kmip_lite.ttlv import TTLVError

_REASON_INVALID_MESSAGE = const(4)
_REASON_OPERATION_NOT_SUPPORTED = const(5)

_E_COMMON = const(24)  # errors.py


def steps(client, versions=(21, 20, 14, 13, 12, 11, 10)):
    """Have `client` speak the highest of `versions` that the server knows too, and give it.

    One round trip, in the lowest version that knows Discover Versions; a second one, in the lowest of
    2.x, where the server does not speak 1.x (Invalid Message). A server that does not know the
    operation speaks 1.0. Where there is no version in common the connection is closed: TTLVError. The
    client's version is what it was where anything fails.
    """
    before = client.version
    found = None
    ask = min([version for version in versions if version > 10] or versions)
    try:
        while found is None:
            client.set_version(ask)
            try:
                found = yield ("discover_versions", (), "discover_versions", None)
            except Exception as error:
                reason = getattr(error, "reason", 0)
                newer = [version for version in versions if version >= 20]
                if reason == _REASON_OPERATION_NOT_SUPPORTED:
                    found = (10,)
                elif reason == _REASON_INVALID_MESSAGE and ask < 20 and newer:
                    ask = min(newer)
                else:
                    raise
    finally:
        client.set_version(before)
    best = max([version for version in versions if version in found] or (0,))
    if not best:
        client.close()
        raise TTLVError(_E_COMMON)
    client.set_version(best)
    return best
