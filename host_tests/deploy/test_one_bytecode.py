"""One set of .mpy serves every board: nothing in firmware/ is native code, so that the target's architecture
leaves no trace in the files."""

from tools import bytecode

ARCHITECTURES = ("armv6m", "armv7emsp", "xtensa", "xtensawin", "rv32imc")


def test_the_same_for_every_architecture(tmp_path):
    plain = bytecode.compile_firmware(tmp_path / "plain")
    files = sorted(path.relative_to(plain) for path in plain.rglob("*.mpy"))
    assert len(files) > 60
    for march in ARCHITECTURES:
        other = bytecode.compile_firmware(tmp_path / march, march=march)
        for name in files:
            ours, theirs = (plain / name).read_bytes(), (other / name).read_bytes()
            # mpy-cross notes an architecture only where there is native code.
            assert ours == theirs, (march, name)
            assert ours[2] >> 2 == 0
