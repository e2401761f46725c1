"""Fuzzing led by coverage, with atheris where it is installed: python guided.py TARGET SECONDS

atheris is 35 MB and not needed for anything else: `build/venv/bin/pip install -r` the requirements.txt here.
"""

import importlib
import importlib.util
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
_INSTRUMENTED = (
    "kmip_lite.aclient", "kmip_lite.ahttps", "kmip_lite.attributes", "kmip_lite.batch", "kmip_lite.header",
    "kmip_lite.keywrap", "kmip_lite.listener", "kmip_lite.objects", "kmip_lite.responder", "identity.anchors",
    "identity.slots", "identity.verify", "identity.p256", "identity.rsa",
)
MISSING = "guided by coverage: not done, atheris is not installed (host_tests/fuzz/requirements.txt)"


def installed():
    return importlib.util.find_spec("atheris") is not None


def child(name, seconds):
    """libFuzzer on one target in this process, which it ends."""
    sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "stubs"), str(HERE.parent / "portable"),
                    str(ROOT / "firmware"), str(ROOT)]
    import atheris
    import micropython  # noqa: F401

    with atheris.instrument_imports(include=["kmip_lite", "identity"]):
        for module in _INSTRUMENTED:
            importlib.import_module(module)
        import hostile

        for verb in hostile.VERBS:
            hostile.load(verb)
    import minimal
    import rules
    import seeds

    plan = seeds.Plan(name)
    folder = Path("corpus")
    folder.mkdir()
    kept = [seed.choice + seed.data for seed in plan.seeds] + [
        data for other, data in minimal.corpus() if other == name]
    for number, data in enumerate(kept):
        (folder / ("%05d" % number)).write_bytes(data)

    def one(data):
        if len(data) >= 2:
            rules.run(name, data)

    def mutated(data, size, seed):
        r = random.Random(seed)
        if len(data) < 3 or r.random() < 0.5:
            return atheris.Mutate(data, size)
        made = seeds.Seed(data[:2], data[2:], (0, 0), plan.seeds[0].kind)
        return (made.head(r) + r.choice(plan.how)(r, made, plan.seeds))[:size]

    more = {} if name == "flash" else {"custom_mutator": mutated}
    atheris.Setup(
        [sys.argv[0], "corpus", "-max_total_time=%d" % seconds, "-max_len=4000", "-timeout=20",
         "-print_final_stats=1", "-artifact_prefix=./wrong-"], one, **more)
    atheris.Fuzz()


def run(name, seconds, keep):
    """Fuzz one target for so long; gives a line to print, and keeps what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, __file__, name, str(seconds)], cwd=folder, capture_output=True, text=True,
            errors="replace", timeout=seconds + 120)
        wrong = sorted(Path(folder).glob("wrong-*"))
        told = done.stdout + done.stderr
        for path in wrong:
            telling = re.findall(r"^ *(?:File|===|\w*(?:Error|Broken)\b).*", told, re.M)
            keep(name, path.read_bytes(), "\n".join(telling[-8:]))
        units = re.search(r"number_of_executed_units: (\d+)", told)
        if not units:
            keep(name, b"", told[-1500:])
            return "guided by coverage: %s: it did not run" % name
        edges = re.findall(r"\bcov: (\d+)", told)
        return "guided by coverage: %s, %s inputs, %s edges, %d wrong" % (
            name, format(int(units[1]), ","), edges[-1] if edges else "?", len(wrong))


if __name__ == "__main__":
    child(sys.argv[1], int(sys.argv[2]))
