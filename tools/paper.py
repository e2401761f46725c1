"""What of the KMIP white paper of 2009 is here: its operations, objects and attributes, where they are, what
they cost and which tests use them. Read from the sources and from tools/budgets.json, for README.md.

LookupError where something of the paper has no file, or no test that runs on the boards' runtimes.
"""

import ast
import functools
import json
import re

from tools import kmip_table
from tools.steps import ROOT

TESTS = ROOT / "host_tests"
CLIENT = ROOT / "firmware" / "kmip_lite"
COSTS = ROOT / "tools" / "budgets.json"
TABLE = ROOT / "tools" / "kmip_table.json"

# Operation, its file below kmip_lite/, the oldest version that has it, the paper's table.
OPERATIONS = (
    ("Activate", "ops/activate", 10, 2), ("Add Attribute", "ops/add_attribute", 10, 2),
    ("Archive", "ops/archive", 10, 2), ("Cancel", "ops/cancel", 10, 4), ("Certify", "ops/certify", 10, 3),
    ("Check", "ops/check", 10, 2), ("Create", "ops/create", 10, 2),
    ("Create Key Pair", "ops/create_key_pair", 10, 2), ("Delete Attribute", "ops/delete_attribute", 10, 2),
    ("Derive Key", "ops/derive_key", 10, 2), ("Destroy", "ops/destroy", 10, 2), ("Get", "ops/get", 10, 2),
    ("Get Attribute List", "ops/get_attribute_list", 10, 2), ("Get Attributes", "ops/get_attributes", 10, 2),
    ("Get Usage Allocation", "ops/get_usage_allocation", 10, 2), ("Locate", "ops/locate", 10, 2),
    ("Modify Attribute", "ops/modify_attribute", 10, 2), ("Obtain Lease", "ops/obtain_lease", 10, 2),
    ("Poll", "ops/poll", 10, 4), ("Query", "ops/query", 10, 2), ("Re-certify", "ops/recertify", 10, 3),
    ("Recover", "ops/recover", 10, 2), ("Register", "ops/register", 10, 2), ("Re-key", "ops/rekey", 10, 2),
    ("Revoke", "ops/revoke", 10, 2), ("Validate", "ops/validate", 10, 3),
    ("Notify", "responder", 10, 5), ("Put", "responder", 10, 5),
    ("Discover Versions", "ops/discover_versions", 11, 0),
    ("Re-key Key Pair", "ops/rekey_key_pair", 11, 0),
)
# Object, how it is read and how it is written.
OBJECTS = (
    ("Certificate", "get", "register"), ("Opaque Object", "get", "register"),
    ("Private Key", "get, get_object", "register"), ("Public Key", "get, get_object", "register"),
    ("Secret Data", "get", "register"), ("Split Key", "get_object", "register with objects.split"),
    ("Symmetric Key", "get", "register"), ("Template", "get_object", "register with objects.template"),
)
# As the paper's table 6 has them; Owner is the server's record and not on the wire.
ATTRIBUTES = (
    "Activation Date", "Application Specific Information", "Archive Date", "Certificate Issuer",
    "Certificate Subject", "Certificate Type", "Compromise Occurrence Date", "Compromise Date",
    "Contact Information", "Cryptographic Algorithm", "Cryptographic Length", "Cryptographic Parameters",
    "Cryptographic Usage Mask", "Custom Attribute", "Deactivation Date", "Destroy Date", "Digest",
    "Initial Date", "Last Change Date", "Lease Time", "Link", "Name", "Object Group", "Object Type",
    "Operation Policy Name", "Process Start Date", "Protect Stop Date", "Revocation Reason", "State",
    "Unique Identifier", "Usage Limits",
)


@functools.cache
def _used():
    """{test file below host_tests/: (names that its code uses, its texts)}."""
    found = {}
    for path in sorted(TESTS.rglob("*.py")):
        names = set()
        texts = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
                holder = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
                if holder in ("kmip", "client", "batch"):
                    names.add(node.attr)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kmip_lite"):
                names |= {alias.name for alias in node.names} | {node.module.rpartition(".")[2]}
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
        found[path.relative_to(TESTS).as_posix()] = (names, texts)
    return found


def _tests(what, uses, *folders):
    """The names of tests that use it, in each of `folders` the first two; there has to be one in each."""
    found = [path for path, (names, texts) in _used().items() if uses(names, texts)]
    told = []
    for folder in folders:
        here = [path[:-3] for path in found if path.startswith(folder + "/")]
        if not here:
            raise LookupError("no test in host_tests/%s uses %s" % (folder, what))
        told += sorted(here, key=_general)[:2]
    rest = len({path[:-3] for path in found}) - len(told)
    return ", ".join(told) + (" and %d more" % rest if rest else "")


def _general(path):
    # The tests that are about every operation, or every attribute, come first.
    order = ("test_ops", "test_oasis", "life", "exchanges", "keep", "test_attributes", "test_server_rules")
    name = path.rpartition("/")[2]
    return order.index(name) if name in order else len(order), path


def _costs():
    return json.loads(COSTS.read_text())["files"]


def operations():
    """The table of operations, in Markdown."""
    codes = kmip_table.loads(TABLE.read_text(encoding="utf-8"))["Operation"]
    costs = _costs()
    lines = ["| operation | code | verb or file | versions | flash | RAM, from .mpy | tests |",
             "|---|---|---|---|---:|---:|---|"]
    for name, file, oldest, table in OPERATIONS:
        if not (CLIENT / (file + ".py")).exists():
            raise LookupError("no file kmip_lite/%s.py" % file)
        verb = file.rpartition("/")[2]
        flash, ram, _ = costs["kmip_lite/" + file]
        tests = _tests(verb, lambda names, texts, verb=verb: verb in names or verb in texts,
                       "portable", "client")
        lines.append("| %s | %02X | `%s` | %s | %d | %d | %s |" % (
            name if table else name + " (not in the paper)", codes[name],
            verb if file.startswith("ops/") else file + ".py", "1.%d - 2.1" % (oldest - 10), flash, ram,
            tests))
    return "\n".join(lines)


def objects():
    """The tables of objects and of attributes, in Markdown."""
    lines = ["| object | read by | written by | tests |", "|---|---|---|---|"]
    for name, read, written in OBJECTS:
        tests = _tests(name, lambda names, texts, name=name: any(text.startswith(name) for text in texts),
                       "client")
        lines.append("| %s | `%s` | `%s` | %s |" % (name, read, written, tests))
    known = set(re.findall(r"^([A-Z][\w .#-]+)=", (CLIENT / "attributes.py").read_text(), re.M))
    flash, ram, _ = _costs()["kmip_lite/attributes"]
    lines += ["", "Attributes: `attributes.py` (%d bytes of flash, %d of RAM from .mpy), or the tuples of "
              "`fields.py`." % (flash, ram), "", "| attribute | tests |", "|---|---|"]
    for name in ATTRIBUTES:
        if name not in known and name != "Custom Attribute":
            raise LookupError("attributes.py does not know %s" % name)
        word = "x-" if name == "Custom Attribute" else name
        tests = _tests(
            name, lambda names, texts, word=word: any(
                text.startswith(word) if word == "x-" else text == word for text in texts),
            "portable", "server")
        lines.append("| %s | %s |" % (name, tests))
    return "\n".join(lines)
