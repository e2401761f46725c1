"""Which module of firmware/ needs which, read from the sources: what belongs to the core, what is optional.

A module needs what it imports when it is imported itself. What a function imports is loaded at its first
use, and may be missing on a board that does not call it.
"""

import ast
import functools

from tools.steps import ROOT

FIRMWARE = ROOT / "firmware"
PACKAGES = ("kmip_lite", "identity", "meter")

# What a board imports: the client with the four operations of a renewal; the agent; the emulated meter.
CORE = ("kmip_lite.client", "kmip_lite.tls", "kmip_lite.ops.get", "kmip_lite.ops.certify",
        "kmip_lite.ops.recertify", "kmip_lite.ops.get_usage_allocation")
AGENT = ("identity.anchors", "identity.clock", "identity.renewal", "identity.runner", "identity.slots")
METER = ("meter.main",)


@functools.cache
def paths(package=None):
    """{dotted name: path} of the modules of firmware/, or of one package, in the order of their names."""
    found = {}
    for top in (package,) if package else PACKAGES:
        for path in (FIRMWARE / top).rglob("*.py"):
            parts = path.relative_to(FIRMWARE).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return dict(sorted(found.items()))


@functools.cache
def needs(name):
    """The modules that `name` imports when it is imported, the packages above it first."""
    known = paths()
    found = [name.rsplit(".", 1)[0]] if "." in name else []
    for node in ast.parse(known[name].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            inner = ["%s.%s" % (node.module, alias.name) for alias in node.names]
            found += [module for module in inner if module in known] or [node.module]
    return [module for module in found if module in known]


def closure(names):
    """These modules and all that they need, each behind what it needs."""
    found = []

    def visit(name):
        if name not in found:
            for other in needs(name):
                if other != name:
                    visit(other)
            if name not in found:
                found.append(name)

    for name in names:
        visit(name)
    return found


def optional():
    """The modules of kmip_lite that its core does not need."""
    core = closure(CORE)
    return [name for name in paths("kmip_lite") if name not in core]


def file(name):
    """The path of a module's file below firmware/, without a suffix."""
    return str(paths()[name].relative_to(FIRMWARE).with_suffix(""))
