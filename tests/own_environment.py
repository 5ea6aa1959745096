"""A server written in Python has an environment of its own, made once for each list of pins."""

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).resolve().parents[1] / ".cache"
INSTALL_TIMEOUT_S = 300


class InstallFailedError(RuntimeError):
    """The environment cannot be made here; the text says what failed."""


@functools.cache
def own_environment(name: str, pins: Path, *, with_dependencies: bool = True) -> Path:
    """The environment's folder, which git ignores; without dependencies, with the pins alone."""
    digest = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = CACHE / f"{name}-{digest}"
    if (folder / "installed").exists():
        return folder
    uv = str(Path(sys.executable).with_name("uv"))
    own = CACHE / f"{name}-{digest}-{os.getpid()}"
    python = str(own / "bin/python")
    alone = [] if with_dependencies else ["--no-deps"]
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, "--relocatable", str(own)],
        [uv, "pip", "install", "--quiet", "--python", python, *alone, "-r", str(pins)],
    ):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S
        )
        if done.returncode:
            raise InstallFailedError(f"{name} could not be installed:\n{done.stderr[-2000:]}")
    (own / "installed").touch()
    try:
        own.rename(folder)
    except OSError:  # another process was quicker
        shutil.rmtree(own)
    return folder
