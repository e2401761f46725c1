"""Long steps of the set-up, told on the terminal: run with retries, take the one lock, keep a stamp.

Standard library only: this runs before the virtual environment exists.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
_HEARTBEAT = 5.0  # seconds between signs of life
_PAUSE = 3.0  # seconds before the second try; the third waits twice as long
_TAIL = 15  # lines of a failed command's output that are shown


class Failed(Exception):
    """A step did not work. The message is one line, fit for the user."""

    tail = ()  # the last lines of what a command said


def say(text):
    """One line of progress, on stderr: stdout belongs to answers."""
    print("[setup] " + text, file=sys.stderr, flush=True)


def seconds(since):
    return "%.1f s" % (time.monotonic() - since)


def clean_env(**more):
    """The environment without what an outer make, compiler or Python set-up would smuggle in."""
    drop = ("MAKE", "MFLAGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MAKEFILES", "GNUMAKEFLAGS")
    drop += ("CFLAGS", "CPPFLAGS", "LDFLAGS", "CROSS_COMPILE", "BUILD", "VARIANT", "VARIANT_DIR")
    drop += ("V", "DEBUG", "PROG", "COPT", "STRIP", "FROZEN_MANIFEST", "USER_C_MODULES")
    drop += ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
    drop += ("PIP_REQUIRE_VIRTUALENV", "VIRTUAL_ENV", "GIT_DIR", "GIT_WORK_TREE")
    env = {k: v for k, v in os.environ.items() if k not in drop}
    env.update(LC_ALL="C.UTF-8", **more)
    return env


def run(what, cmd, limit, env=None, cwd=None, tries=1):
    """Run `cmd` for at most `limit` seconds; its output goes to build/log, a sign of life here.

    Gives the output. Raises Failed with the line of it that tells most; the rest of its end is
    shown. Mirrors and registries have bad moments: `tries` tries it again after a pause.
    """
    for n in range(1, tries + 1):
        try:
            return _run(what, cmd, limit, env, cwd)
        except Failed as exc:
            if n == tries:
                for line in exc.tail:
                    say("  | " + line[:200])
                raise
            say("  %s; again in %d s (%d of %d)" % (exc, _PAUSE * n, n + 1, tries))
            time.sleep(_PAUSE * n)


def _run(what, cmd, limit, env, cwd):
    log = BUILD / "log" / (what.replace(" ", "-").replace("/", "-") + ".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    start = shown = time.monotonic()
    try:
        proc = subprocess.Popen(
            [str(c) for c in cmd], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=env or clean_env(), cwd=cwd, text=True,
            errors="replace", start_new_session=True,
        )
    except OSError as exc:
        raise Failed("%s: %s" % (what, exc))

    def read():
        with log.open("w", encoding="utf-8") as f:
            for line in proc.stdout:
                f.write(line)
                f.flush()
                if line.strip():
                    lines.append(line.strip())

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        while proc.poll() is None:
            now = time.monotonic()
            if now - start > limit:
                raise Failed("%s: not done within %d s (%s)" % (what, limit, _short(log)))
            if now - shown >= _HEARTBEAT:
                shown = now
                say("  %s: %d s: %s" % (what, now - start, lines[-1][:60] if lines else "..."))
            time.sleep(0.05)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(proc.pid, signal.SIGKILL)  # the whole group, which is ours alone
        proc.wait(10)
        raise
    finally:
        reader.join(5)
        if not reader.is_alive():  # a child that outlives the command may hold the pipe
            proc.stdout.close()
    if proc.returncode:
        telling = [m for m in lines if re.match(r"E: |ERROR|fatal:|make: \*\*\*|.*\berror:", m)]
        line = (telling or lines[-1:] or ["no output"])[0][:200]
        failed = Failed("%s: status %d: %s (%s)" % (what, proc.returncode, line, _short(log)))
        failed.tail = lines[-_TAIL:]
        raise failed
    return "\n".join(lines)


def end_when_told():
    """A terminated set-up ends what it started, as an interrupted one does."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, frame: sys.exit(128 + n))


@contextlib.contextmanager
def lock(limit=1800):
    """One set-up at a time in this clone; a second one waits, and says so."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / ".setup.lock").open("a") as f:
        start = time.monotonic()
        told = False
        while True:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    say("another set-up of this clone is at work; waiting for it")
                    told = True
                if time.monotonic() - start > limit:
                    raise Failed("another set-up has held build/.setup.lock for %d s" % limit)
                time.sleep(0.1)
        yield


def digest(*parts):
    """A hash over strings and files (a folder counts with every file in it)."""
    h = hashlib.sha256()
    for part in parts:
        if isinstance(part, pathlib.Path):
            files = sorted(p for p in part.rglob("*") if p.is_file()) if part.is_dir() else [part]
            for p in files:
                data = p.read_bytes()
                h.update(b"%s %d\n" % (p.name.encode(), len(data)) + data)
        else:
            h.update(str(part).encode() + b"\n")
    return h.hexdigest()[:16]


def read_stamp(path):
    """What write_stamp() left, or {}."""
    try:
        with open(path, encoding="utf-8") as f:
            found = json.load(f)
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def write_stamp(path, **fields):
    """Leave `fields` at path, whole or not at all."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
    new.replace(path)


def _short(path):
    return os.path.relpath(path, ROOT)
