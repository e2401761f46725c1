"""The laws of the house that a program can hold.

    python -m tools.check_laws

firmware/: imports go one way (meter -> identity -> kmip_lite -> ttlv) and name only modules that boards
have; no assert, bare except, f-string, annotation; no work at import. Every tracked file: no address of
a registry or of a private network, no path of somebody's machine.
"""

import ast
import re
import subprocess
import sys

from tools.steps import ROOT

# What official board firmware has, ESP32 and RP2040 alike (MicroPython 1.25).
_MODULES = {
    "array", "asyncio", "binascii", "collections", "cryptolib", "deflate", "errno", "gc", "hashlib",
    "heapq", "io", "json", "machine", "math", "micropython", "network", "os", "platform", "random",
    "select", "socket", "ssl", "struct", "sys", "time", "tls", "uctypes", "vfs",
}
_MICROPYTHON = {
    "RingIO", "alloc_emergency_exception_buf", "const", "heap_lock", "heap_unlock", "kbd_intr", "mem_info",
    "native", "opt_level", "qstr_info", "schedule", "stack_use", "viper",
}
# kmip_lite knows no file system and no board.
_NOT_IN_CLIENT = {"machine", "network", "os", "uctypes", "vfs"}

_PACKAGES = ("kmip_lite", "identity", "meter")
_PROGRAMS = {"boot.py", "main.py"}  # what a board runs: they do work, that is what they are for
_BOARD = {"board": {"meter/start.py"}}  # the board's own module, and who may know it

# Hosts that a file may name: this machine, those reserved for examples, and public reading matter.
_HOSTS = re.compile(
    r"(?:localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[?::1\]?|"
    r"(?:.+\.)?(?:example|test|invalid)|(?:.+\.)?example\.(?:com|net|org)|"
    r"(?:docs|www)\.python\.org|docs\.micropython\.org|micropython\.org|docs\.oasis-open\.org|"
    r"(?:www\.)?oasis-open\.org|www\.w3\.org|www\.rfc-editor\.org|github\.com|[%{<$].*)$"
)
_URL = re.compile(r"\b[a-z][a-z0-9+]*://(?:[^\s/@'\"`]*@)?(\[[0-9a-f:]+\]|[^\s/:'\"`)>\]]+)", re.I)
_PRIVATE = re.compile(
    r"(?<![\d.])(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}(?![\d.]*\d)"
)
_INTERNAL = re.compile(r"\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:internal|intranet|corp|lan)\b", re.I)
_PATH = re.compile(r"(?:^|(?<=[\s\"'`=(\[<>|]))/([A-Za-z][\w.-]*)/[\w.*-]")
_URL_PATH = re.compile(r"\bfile:///([A-Za-z][\w.-]*)/")
# First parts of absolute paths where somebody's own folders are.
_TOPS = {"home", "root", "Users", "tmp", "work", "srv", "mnt", "media", "opt", "data", "workspace", "builds"}
_INSIDE = {"tools/fresh.sh"}  # its paths are those of the new system that it makes


def may_import(importer, module):
    """Whether a file of firmware/ (as "kmip_lite/ops/get.py") may import a dotted name of firmware/."""
    package = importer.split("/")[0]
    target = module.split(".")[0]
    if package not in _PACKAGES:
        return True
    if _PACKAGES.index(target) > _PACKAGES.index(package):
        return False
    if importer == "kmip_lite/ttlv.py":
        return module in ("kmip_lite", "kmip_lite.errors")
    if importer.startswith("kmip_lite/ops/"):
        return module in ("kmip_lite", "kmip_lite.ttlv", "kmip_lite.fields") \
            or module.startswith("kmip_lite.ops")
    if importer == "kmip_lite/fields.py":
        return module in ("kmip_lite", "kmip_lite.ttlv")
    return True


def check_firmware(path, text):
    """The errors of one file, as (line, message); `path` is below firmware/."""
    tree = ast.parse(text, path)
    errors = []
    if path not in _PROGRAMS:
        for node in tree.body:
            errors += _module_level(node)
    for node in ast.walk(tree):
        errors += _imports(path, node)
        errors += _syntax(node)
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                errors += _class_level(inner)
        if path == "kmip_lite/ttlv.py":
            errors += _knows_no_tag(node)
        if path.startswith("kmip_lite/") and isinstance(node, ast.Call) and _is(node.func, "open"):
            errors.append((node.lineno, "kmip_lite knows no file system"))
    return sorted(set(errors))


def _is(node, name):
    return isinstance(node, ast.Name) and node.id == name


def _imports(path, node):
    line = getattr(node, "lineno", 0)
    modules = []
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        if node.level:
            return [(line, "relative import: boards take them, readers less")]
        modules = [node.module]
        names = [alias.name for alias in node.names]
        if node.module in _PACKAGES or node.module == "kmip_lite.ops":
            modules = [node.module + "." + name for name in names]
        errors = []
        if node.module.split(".")[0] in _PACKAGES:
            errors = [
                (line, "%s is private: a const of another file does not exist on a board" % name)
                for name in names if name.startswith("_")
            ]
        if "*" in names:
            errors.append((line, "import *"))
        if node.module == "micropython":
            errors += [
                (line, "micropython.%s is not on every board" % name)
                for name in names if name not in _MICROPYTHON
            ]
        return errors + _allowed(path, line, modules)
    elif isinstance(node, ast.Call) and _is(node.func, "__import__"):
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                modules.append(part.value.rstrip("."))
    elif isinstance(node, ast.Attribute) and _is(node.value, "micropython") \
            and node.attr not in _MICROPYTHON:
        return [(line, "micropython.%s is not on every board" % node.attr)]
    return _allowed(path, line, modules)


def _allowed(path, line, modules):
    errors = []
    for module in modules:
        top = module.split(".")[0]
        if top in _PACKAGES:
            if not may_import(path, module):
                errors.append((line, "%s may not import %s" % (path, module)))
        elif top not in _MODULES and path not in _BOARD.get(top, ()):
            errors.append((line, "no module %s on a board" % top))
        elif path.startswith("kmip_lite/") and top in _NOT_IN_CLIENT:
            errors.append((line, "kmip_lite knows no %s" % top))
    return errors


def _syntax(node):
    line = getattr(node, "lineno", 0)
    if isinstance(node, ast.Assert):
        return [(line, "assert: gone in optimised bytecode; raise")]
    if isinstance(node, ast.ExceptHandler) and (
        node.type is None or _is(node.type, "BaseException")
    ):
        return [(line, "bare except: it hides what nobody thought of")]
    if isinstance(node, ast.AsyncWith):
        return [(line, "async with: in its end Ctrl-C can become an AttributeError; try, finally")]
    if isinstance(node, ast.JoinedStr):
        return [(line, "f-string: use %")]
    if isinstance(node, ast.AnnAssign):
        return [(line, "annotation: boards have no typing")]
    if isinstance(node, ast.arg) and node.annotation is not None:
        return [(line, "annotation: boards have no typing")]
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.returns is not None:
        return [(line, "annotation: boards have no typing")]
    return []


def _module_level(node):
    """No work at import: nothing at module level but imports, definitions and plain constants."""
    if isinstance(node, (ast.Import, ast.ImportFrom)) or _is_docstring(node):
        return []
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        errors = []
        for decorator in node.decorator_list:
            if ast.unparse(decorator) not in ("native", "viper", "micropython.native", "micropython.viper"):
                errors.append((node.lineno, "a decorator is work at import"))
        return errors
    if isinstance(node, ast.Assign):
        value = node.value
        if isinstance(value, ast.Call) and _is(value.func, "const"):
            if not all(isinstance(target, ast.Name) and target.id.startswith("_")
                       for target in node.targets):
                return [(node.lineno, "a const without a leading underscore costs RAM")]
            return [] if len(value.args) == 1 and _plain(value.args[0]) else [_work(node)]
        return [] if _plain(value) else [_work(node)]
    return [_work(node)]


def _work(node):
    return node.lineno, "work at import (only imports, def, class, const and plain constants)"


def _plain(node):
    """Whether an expression is a constant, or a tuple of constants and of names defined above."""
    if isinstance(node, (ast.Constant, ast.Name)):
        return True
    if isinstance(node, ast.Tuple):
        return all(_plain(item) for item in node.elts)
    if isinstance(node, ast.UnaryOp):
        return _plain(node.operand)
    if isinstance(node, ast.BinOp):
        return _plain(node.left) and _plain(node.right)
    return False


def _class_level(node):
    if _is_docstring(node) or isinstance(node, (ast.AsyncFunctionDef, ast.Pass)):
        return []
    if isinstance(node, ast.FunctionDef):
        errors = []
        for decorator in node.decorator_list:
            if ast.unparse(decorator) not in ("property", "staticmethod", "classmethod", "native", "viper",
                                              "micropython.native", "micropython.viper") \
                    and not ast.unparse(decorator).endswith(".setter"):
                errors.append((node.lineno, "a decorator is work at import"))
        return errors
    if isinstance(node, ast.Assign):
        if isinstance(node.value, ast.Call) and _is(node.value.func, "const"):
            return [(node.lineno, "a const in a class is not one on a board")]
        return [] if _plain(node.value) else [_work(node)]
    return [_work(node)]


def _is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) \
        and isinstance(node.value.value, str)


def _knows_no_tag(node):
    number = isinstance(node, ast.Constant) and type(node.value) is int \
        and (0x420000 <= node.value <= 0x42FFFF or 0x540000 <= node.value <= 0x54FFFF)
    name = isinstance(node, ast.Name) and node.id.startswith("_TAG")
    return [(node.lineno, "ttlv knows no tag")] if number or name else []


def check_text(text, here=(), paths=True):
    """The errors of any tracked file, as (line, message). `here`: what no path in it may begin with;
    with `paths` false only addresses are looked at."""
    errors = []
    for number, line in enumerate(text.splitlines(), 1):
        for match in _URL.finditer(line):
            if not _HOSTS.match(match[1].lower()):
                errors.append((number, "address of a host outside: %s" % match[1]))
        for pattern in (_PRIVATE, _INTERNAL):
            for match in pattern.finditer(line):
                errors.append((number, "address of a private network: %s" % match[0]))
        tops = [match[1] for pattern in (_PATH, _URL_PATH) for match in pattern.finditer(line)]
        if paths and (any(top in _TOPS for top in tops) or any(path in line for path in here)):
            errors.append((number, "path of somebody's machine: %s" % line.strip()[:80]))
    return errors


def tracked(root):
    """The paths that git knows, as text; without git, none."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, timeout=60)
    return [name for name in done.stdout.split("\0") if name]


def check_all(root):
    """Lines `path:line: message` for the whole project."""
    found = []
    for path in sorted((root / "firmware").rglob("*.py")):
        below = path.relative_to(root / "firmware").as_posix()
        if below == "manifest.py":
            continue  # runs on the host, when an image is built
        for line, message in check_firmware(below, path.read_text(encoding="utf-8")):
            found.append("firmware/%s:%d: %s" % (below, line, message))
    here = [str(root) + "/"]
    for name in tracked(root):
        try:
            text = (root / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):
            continue  # not a text, or deleted and not yet committed
        for line, message in check_text(text, here, name not in _INSIDE):
            found.append("%s:%d: %s" % (name, line, message))
    return found


def main():
    errors = check_all(ROOT)
    for error in errors:
        print(error)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
