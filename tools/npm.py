"""Packages of JavaScript, for what runs in Node.js beside the tests: through npm, pinned, under build/npm.

    modules = ensure("rp2040js", "1.4.1", "sha512-...")

Nothing is installed on the system, no script of a package is run. Standard library only.
"""

import json
import os
import shutil
import subprocess

from . import debian, steps
from .steps import BUILD, Failed, run, say

HOME = BUILD / "npm"
NODE = 18  # the oldest Node.js that serves
PACKAGES = ("nodejs", "npm")


def why_no_node():
    """One line: why nothing can run in Node.js here; "" where it can."""
    node = shutil.which("node")
    if node is None:
        return "no Node.js (packages %s)" % " and ".join(PACKAGES)
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30)
        if int(done.stdout.strip().lstrip("v").split(".")[0]) >= NODE:
            return ""
    except (OSError, ValueError, subprocess.TimeoutExpired):
        pass
    return "Node.js %d or newer is needed, and %s is not that" % (NODE, node)


def find(name, version):
    """The folder node_modules that holds the package, or None."""
    folder = HOME / name / "node_modules"
    found = steps.read_stamp(HOME / name / "stamp.json").get("version") == version
    return folder if found and folder.exists() else None


def ensure(name, version, integrity):
    """Install a package that depends on no other, if it is not there; gives the folder node_modules.

    `integrity`: the hash of its archive, as npm writes it. Raises Failed. Root has a missing npm installed.
    """
    found = find(name, version)
    if found:
        return found
    if shutil.which("npm") is None and os.geteuid() == 0 and debian.have_apt():
        debian.install(PACKAGES)
    if shutil.which("npm") is None:
        raise Failed("no npm to install %s with (packages %s)" % (name, " and ".join(PACKAGES)))
    top = HOME / name
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    wanted = {name: version}
    (top / "package.json").write_text(json.dumps({"private": True, "dependencies": wanted}))
    (top / "package-lock.json").write_text(json.dumps({
        "lockfileVersion": 3, "requires": True,
        "packages": {"": {"dependencies": wanted},
                     "node_modules/" + name: {"version": version, "integrity": integrity}}}))
    say("npm: %s %s" % (name, version))
    run("npm " + name.rpartition("/")[2],
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"],
        300, cwd=top, tries=3)
    steps.write_stamp(top / "stamp.json", version=version)
    return top / "node_modules"
