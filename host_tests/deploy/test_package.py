"""package.json: fresh, whole, and such that mip's own code takes it."""

import json

from mpremote import mip
from ports import FIRMWARE

from tools import bytecode, package


class Disk:
    """What mip installs onto, here: a folder."""

    def __init__(self, folder):
        self.folder = folder

    def fs_exists(self, path):
        return (self.folder / path.lstrip("/")).exists()

    def fs_mkdir(self, path):
        (self.folder / path.lstrip("/")).mkdir()

    def fs_writefile(self, path, data, progress_callback):
        (self.folder / path.lstrip("/")).write_bytes(data)


def test_it_is_fresh_and_whole():
    assert (FIRMWARE / "package.json").read_text() == package.text(FIRMWARE)
    made = json.loads(package.text(FIRMWARE))
    assert made["deps"] == [["hashlib", "latest"], ["ssl", "latest"]]
    names = {name for name, _ in made["urls"]}
    there = {path.relative_to(FIRMWARE).as_posix() for path in FIRMWARE.rglob("*.py")}
    assert there - names == {"boot.py", "main.py", "manifest.py"} and not names - there


def test_mip_takes_it(tmp_path):
    code = bytecode.compile_firmware(tmp_path / "mpy")
    made = package.package(code)
    made["deps"] = []  # they come from micropython-lib's own index
    (code / "package.json").write_text(json.dumps(made))
    (tmp_path / "board").mkdir()
    mip._install_json(Disk(tmp_path / "board"), str(code / "package.json"), "", "/lib", None, True)
    installed = {p.relative_to(tmp_path / "board" / "lib"): p.read_bytes()
                 for p in (tmp_path / "board" / "lib").rglob("*.mpy")}
    assert installed == {p.relative_to(code): p.read_bytes() for p in code.rglob("*.mpy")}
