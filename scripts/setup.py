"""Make or renew `.venv`: everything in requirements.lock by hash, then noetl itself, editable.

Needs only the standard library. Does nothing when nothing changed: a stamp in `.venv` holds a digest of all that
the environment is made from.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "noetl-setup.stamp"
LOCK = ROOT / "requirements.lock"
FOLDERS = ("src/noetl", "compiler", "runtime", "targets", "schema", "conformance")


def key(version: str) -> str:
    """A digest of what the environment is made from: the lock, the project file, this script, the Python."""
    digest = hashlib.sha256(version.encode())
    for path in (LOCK, ROOT / "pyproject.toml", Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def pinned(name: str) -> str:
    """The lines of the lock that pin `name`, hashes included."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = start
    while lines[end].endswith("\\"):
        end += 1
    return "\n".join(lines[start : end + 1]) + "\n"


def run(*command: str | Path) -> None:
    """Run a command of the set-up; one that fails ends the set-up with its exit code."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH")}
    env["VIRTUAL_ENV"] = str(VENV)
    done = subprocess.run([str(part) for part in command], cwd=ROOT, env=env, check=False)
    if done.returncode:
        print(f"set-up failed at: {' '.join(str(part) for part in command)}", file=sys.stderr)
        raise SystemExit(done.returncode)


def venv_version() -> str | None:
    """The Python version of `.venv`; None where there is none that works here, as after the clone was moved."""
    config = VENV / "pyvenv.cfg"
    if not config.is_file() or not os.access(VENV / "bin" / "python", os.X_OK):
        return None
    entries = dict(re.findall(r"^(\w+) = (.*)$", config.read_text(encoding="utf-8"), re.MULTILINE))
    return entries.get("version") if entries.get("command", "").endswith(f" {VENV}") else None


def make_venv() -> None:
    """An empty environment of this Python with the locked uv in it."""
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run([sys.executable, "-I", "-m", "venv", str(VENV)], check=False)
    if made.returncode:
        raise SystemExit(f"{sys.executable} cannot make a virtual environment; some systems pack the venv module apart")
    pins = VENV / "uv.lock"
    pins.write_text(pinned("uv"), encoding="utf-8")
    run(VENV / "bin" / "python", "-I", "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r", pins)


def install() -> None:
    """The locked packages, exactly, then noetl on top."""
    uv = VENV / "bin" / "uv"
    run(uv, "pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", LOCK)
    run(uv, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", ROOT)
    compiled = [ROOT / folder for folder in FOLDERS]
    run(VENV / "bin" / "python", "-I", "-m", "compileall", "-q", *compiled)


def main() -> None:
    """Bring `.venv` up to date and say what was done. A Python that was asked for by name replaces another one."""
    version = venv_version()
    if os.environ.get("PYTHON") and version != platform.python_version():
        version = None
    if version and STAMP.is_file() and STAMP.read_text(encoding="utf-8") == key(version):
        return
    begun = time.monotonic()
    STAMP.unlink(missing_ok=True)
    if version is None or not (VENV / "bin" / "uv").exists():
        version = platform.python_version()
        print(f"making .venv with Python {version}", flush=True)
        make_venv()
    print("installing what requirements.lock names", flush=True)
    install()
    STAMP.write_text(key(version), encoding="utf-8")
    print(f"set up in {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
