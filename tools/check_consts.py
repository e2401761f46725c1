"""Compares every KMIP number in firmware/ with one table, tools/kmip_table.json.

    python -m tools.check_consts

A private const costs a board no RAM, but each file has to declare its own: this is what keeps them
equal. Which table a const belongs to is told by its name:

    _TAG_KEY_BLOCK, _OBJECT_CERTIFICATE, _REASON_INVALID_FIELD ...   see _PREFIXES
    _STRUCTURE, _TEXT_STRING ...   the item types, in kmip_lite/ only (ASN.1 has some of these names too)
    OP   the operation that the file in kmip_lite/ops/ is named after
    _TAGS   bytes: by Object Type, the last byte of that object's tag, or 0
    _E_...   a text of kmip_lite/errors.py by its place: one number a name, one name a number

Anything else that looks like a tag (0x42xxxx) is refused.
"""

import ast
import re
import sys

from tools import kmip_table
from tools.steps import ROOT

TABLE = ROOT / "tools" / "kmip_table.json"

_PREFIXES = {
    "_TAG_": "Tag",
    "_OP_": "Operation",
    "_STATUS_": "Result Status",
    "_REASON_": "Result Reason",
    "_OBJECT_": "Object Type",
    "_FORMAT_": "Key Format Type",
    "_METHOD_": "Wrapping Method",
    "_MODE_": "Block Cipher Mode",
    "_ENCODING_": "Encoding Option",
    "_LINK_": "Link Type",
    "_REQUEST_": "Certificate Request Type",
    "_CERTIFICATE_": "Certificate Type",
    "_QUERY_": "Query Function",
    "_STATE_": "State",
    "_UNIT_": "Usage Limits Unit",
    "_USAGE_": "Cryptographic Usage Mask",
    "_ALGORITHM_": "Cryptographic Algorithm",
    "_REVOCATION_": "Revocation Reason Code",
    "_NAME_": "Name Type",
    "_SECRET_": "Secret Data Type",
    "_CREDENTIAL_": "Credential Type",
    "_CANCELLATION_": "Cancellation Result",
    "_CONTINUATION_": "Batch Error Continuation Option",
    "_ASYNCHRONOUS_": "Asynchronous Indicator",
    "_VALIDITY_": "Validity Indicator",
    "_DERIVATION_": "Derivation Method",
}


def words(name):
    """A name as constants spell it: Re-certify is RE_CERTIFY, PKCS#10 PKCS10."""
    name = re.sub(r"\([^)]*\)", "", name).replace("#", "").replace("X.509", "X509")
    return re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")


def index(table):
    """The table with the names spelled as constants spell them."""
    found = {}
    for group, numbers in table.items():
        found[group] = {words(name): value for name, value in numbers.items()}
    # Query Function says "Query" twice otherwise.
    found["Query Function"] = {
        name.removeprefix("QUERY_"): value for name, value in found["Query Function"].items()
    }
    return found


def check(path, text, numbers):
    """The errors of one file of firmware/, as (line, message); `path` is below firmware/."""
    tree = ast.parse(text, path)
    errors = []
    tags = set()  # ids of the nodes that are the value of a _TAG_ const
    for node in tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        name = node.targets[0].id
        value = _value(node.value)
        if isinstance(value, ast.Constant):
            if name.startswith("_TAG_"):
                tags.add(id(value))
            value = value.value
        else:
            value = None
        if name == "_TAGS" and path.startswith("kmip_lite/"):
            errors += [(node.lineno, what) for what in _object_tags(value, numbers)]
            continue
        wanted = _wanted(path, name, numbers)
        if wanted is None:
            continue
        group, key, right = wanted
        if right is None:
            errors.append((node.lineno, "%s: there is no %s of this name" % (name, group)))
        elif value != right:
            errors.append((node.lineno, "%s: %s %s is 0x%02X" % (name, group, key, right)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) is int and id(node) not in tags \
                and 0x420000 < node.value <= 0x42FFFF:
            errors.append((node.lineno, "0x%06X looks like a tag: declare it as a const _TAG_" % node.value))
    return errors


def _value(node):
    # const(x) is x.
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "const" \
            and len(node.args) == 1:
        return node.args[0]
    return node


def _wanted(path, name, numbers):
    """(group, name in it, number or None), or None for a const that is not KMIP's."""
    client = path.startswith("kmip_lite/")
    if name == "OP" and path.startswith("kmip_lite/ops/"):
        key = path.split("/")[-1].removesuffix(".py").upper()
        operations = {word.replace("_", ""): value for word, value in numbers["Operation"].items()}
        return "Operation", key, operations.get(key.replace("_", ""))
    if client and name[1:] in numbers["Item Type"] and name.startswith("_"):
        return "Item Type", name[1:], numbers["Item Type"][name[1:]]
    for prefix, group in _PREFIXES.items():
        # The certificate's own code has names like these for other things, but no tags of KMIP.
        if name.startswith(prefix) and (client or prefix == "_TAG_"):
            key = name.removeprefix(prefix)
            return group, key, numbers[group].get(key)
    return None


def _object_tags(value, numbers):
    if not isinstance(value, bytes):
        return ["_TAGS: not bytes"]
    names = {number: name for name, number in numbers["Object Type"].items()}
    errors = []
    for kind, low in enumerate(value):
        right = numbers["Tag"].get(names.get(kind))
        if low and right != 0x420000 | low:
            errors.append("_TAGS: byte %d is not the tag of Object Type %d" % (kind, kind))
    return errors


def check_errors(firmware):
    """The errors among the _E_ constants of all files."""
    texts = (firmware / "kmip_lite" / "errors.py").read_text(encoding="utf-8")
    count = texts.count("|") + 1
    names = {}
    numbers = {}
    for path in sorted(firmware.rglob("*.py")):
        for name, digits in re.findall(r"^(_E_\w+) = const\((\d+)\)", path.read_text(encoding="utf-8"), re.M):
            number = int(digits)
            where = path.relative_to(firmware).as_posix()
            if number >= count or names.setdefault(name, number) != number \
                    or numbers.setdefault(number, name) != name:
                yield "firmware/%s: %s = %d is not the only one, or has no text" % (where, name, number)


def check_all(firmware, table):
    """Lines `path:line: message` for a whole folder."""
    numbers = index(kmip_table.loads(table.read_text(encoding="utf-8")))
    found = []
    for path in sorted(firmware.rglob("*.py")):
        below = path.relative_to(firmware).as_posix()
        for line, message in sorted(check(below, path.read_text(encoding="utf-8"), numbers)):
            found.append("firmware/%s:%d: %s" % (below, line, message))
    if (firmware / "kmip_lite" / "errors.py").exists():
        found += check_errors(firmware)
    return found


def main():
    errors = check_all(ROOT / "firmware", TABLE)
    for error in errors:
        print(error)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
