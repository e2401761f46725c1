"""What the meter wants of its board and its configuration, looked at before it starts: a line for each thing
that is wrong, and not a failure in the middle of a renewal, months later."""

import json
import os
import sys

from micropython import const

_ROOM = const(32768)  # bytes of flash for two slots, four journals and what is written anew beside them
_BUILT = const(1735689600)  # 2025-01-01; a clock that is behind it was never set

# config.json: key, type (s text, i number, l list, d structure), and ! where it must be there.
KEYS = (
    "device s! host s! port i! server_name s! key_uid s! billing d! billing.host s! billing.port i! "
    "billing.name s! billing.path s! cert_uid s public_key_uid s timeout i buffer i version i built i "
    "report_every i usage_unit s usage_total i key_bits i grant i chunk i low i start_wh i "
    "server_anchors l issuers l renewal d listen d listen.port i! listen.host s "
    "line d line.uart i! line.baud i line.tx i line.rx i "
    "wifi d wifi.ssid s! wifi.password s wifi.country s wifi.hostname s watchdog i"
)
# What numbers can be: from, to. Beyond 6 days a wait is too long for asyncio (ticks_add); with longer
# time-outs a job of the renewal could take so long that it is taken for stuck (meter.py).
_RANGES = (
    "port 1 65535 billing.port 1 65535 listen.port 1 65535 timeout 1 300 buffer 512 65536 "
    "report_every 0 500000 grant 1 1000000000 chunk 1 1000000000 low 0 1000000000 key_bits 128 256 "
    "line.baud 300 4000000 version 10 14 watchdog 5 "
)
_OFF = "version watchdog"  # which can be 0 too
# Arguments of identity.renewal.Agent.
_RENEWAL = "max_age window rotate_after retry_first retry_most trial_span pending_most asynchronous"
# What is loaded in the middle of a renewal: bytecode of another version would show only there.
_LATER = (
    "identity.jobs identity.csr identity.verify identity.p256 identity.rsa identity.x509 kmip_lite.batch "
    "kmip_lite.header kmip_lite.errors kmip_lite.ops.get kmip_lite.ops.certify kmip_lite.ops.recertify "
    "kmip_lite.ops.register kmip_lite.ops.locate kmip_lite.ops.get_attributes kmip_lite.ops.poll "
    "kmip_lite.ops.get_usage_allocation kmip_lite.ops.agree kmip_lite.ops.discover_versions"
)


def look(root, now):
    """The lines of what keeps the meter from starting, a list; `now`: seconds since 1970.

    `root`: the folder of config.json, "" for that of the board. What can be lived with is printed only.
    """
    faults = []
    for check in (_tls, _config, _storage, _code):
        try:
            fault = check(root)
        except MemoryError:
            fault = "the heap is full"
        if fault:
            faults.append(fault)
    if now < _BUILT:
        print("checks: the clock is not set; it goes on from the last certificate until a server tells")
    return faults


def _tls(root):
    try:
        import tls
    except ImportError:
        return "this firmware has no TLS (module tls): take a build with mbedTLS"
    if not hasattr(tls, "MBEDTLS_VERSION"):
        return "this firmware's TLS is not mbedTLS, and cannot verify a server"


def _config(root):
    try:
        with open(root + "/config.json") as file:
            config = json.load(file)
    except OSError:
        return "there is no config.json (make provision, make deploy)"
    except ValueError:
        return "config.json is not JSON"
    if not isinstance(config, dict):
        return "config.json is no structure"
    types = {"s": str, "i": int, "l": list, "d": dict}
    words = KEYS.split()
    for at in range(0, len(words), 2):
        path, _, last = words[at].rpartition(".")
        within = config.get(path) if path else config
        if not isinstance(within, dict):
            continue  # an optional structure that is not there
        kind = words[at + 1]
        if last not in within:
            if kind[1:]:
                return "config.json lacks " + words[at]
        elif type(within[last]) is not types[kind[0]]:
            return "config.json: %s is of the wrong type" % words[at]
    # An RP2040's watchdog cannot wait for longer.
    words = (_RANGES + ("8" if sys.platform == "rp2" else "3600")).split()
    for at in range(0, len(words), 3):
        path, _, last = words[at].rpartition(".")
        within = config.get(path, {}) if path else config
        value = within.get(last)
        if value is None or value == 0 and last in _OFF.split():
            continue
        if not int(words[at + 1]) <= value <= int(words[at + 2]):
            return "config.json: %s is not from %s to %s" % tuple(words[at : at + 3])
    for name, value in config.get("renewal", {}).items():
        if name not in _RENEWAL.split():
            return "config.json: renewal has no " + name
        if not isinstance(value, int) or value < 0:
            return "config.json: renewal.%s is of the wrong type" % name
    for name in ("server_anchors", "issuers"):
        if name in config and not 0 < len(config[name]) < 3:
            return "config.json: %s are one or two files" % name
    if config.get("usage_unit", "byte") not in ("byte", "object"):
        return "config.json: usage_unit is neither byte nor object"
    if "cert_uid" not in config and not _there(root + "/slots") and _there(root + "/key.der"):
        return "config.json lacks cert_uid, that of key.der"
    return _files(root, config)


def _files(root, config):
    names = config.get("server_anchors", ["server_ca.der"]) + config.get("issuers", ["meter_ca.der"])
    if not _there(root + "/slots"):
        names.append("bootstrap/cert.der" if _there(root + "/bootstrap") else "key.der")
    for name in names:
        if not _there("%s/%s" % (root, name)):
            return "there is no %s (make deploy)" % name


def _storage(root):
    path = root + "/check"
    data = b"kmip_lite" * 57  # a little more than a sector
    try:
        with open(path, "wb") as file:
            file.write(data)
        with open(path, "rb") as file:
            same = file.read() == data
        os.remove(path)
        if hasattr(os, "statvfs"):
            about = os.statvfs(root or "/")
            if about[0] * about[3] < _ROOM:
                return "the file system is full: %d bytes left of %d that are needed" % (
                    about[0] * about[3], _ROOM)
    except OSError as error:
        return "the file system cannot be written: %s" % error
    if not same:
        return "the file system does not keep what is written"


def _code(root):
    kept = set(sys.modules)
    try:
        for name in _LATER.split():
            try:
                __import__(name)
            except (ImportError, ValueError, SyntaxError) as error:
                return "%s cannot be loaded: %s; copy it again (make deploy)" % (name, error)
    finally:
        from identity import let_go

        let_go(kept)


def _there(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True
