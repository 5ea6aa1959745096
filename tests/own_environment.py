"""Virtual environments of servers that cannot share ours: one for each list of pins, kept."""

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).resolve().parents[1] / ".cache"
INSTALL_TIMEOUT_S = 300


class NotInstalledError(RuntimeError):
    """The environment could not be made; the text says why."""


@functools.cache
def own_environment(name: str, pins: Path) -> Path:
    """The folder of the environment, made once for each list of pins. Git ignores it."""
    digest = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = CACHE / f"{name}-{digest}"
    if (folder / "installed").exists():
        return folder
    uv = str(Path(sys.executable).with_name("uv"))
    own = CACHE / f"{name}-{digest}-{os.getpid()}"
    python = str(own / "bin/python")
    commands = [
        [uv, "venv", "--quiet", "--python", sys.executable, "--relocatable", str(own)],
        [uv, "pip", "install", "--quiet", "--python", python, "-r", str(pins)],
    ]
    for command in commands:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S
        )
        if done.returncode:
            raise NotInstalledError(f"{name} could not be installed:\n{done.stderr[-2000:]}")
    (own / "installed").touch()
    try:
        own.rename(folder)
    except OSError:  # another process was quicker
        shutil.rmtree(own)
    return folder
