"""Folders that take long to fill: filled once per process, then copied for each test."""

import functools
import shutil
from collections.abc import Callable, Hashable
from pathlib import Path

from tests.server_process import scratch_folder


def copy_made(folder: Path, make: Callable[..., None], *arguments: Hashable) -> None:
    """Copy what `make(path, *arguments)` writes, which must not depend on where it writes.

    `make` runs once per process for the same arguments, and closes what it opens.
    """
    shutil.copytree(_made(make, *arguments), folder, dirs_exist_ok=True)


@functools.cache
def _made(make: Callable[..., None], *arguments: Hashable) -> Path:
    folder = scratch_folder("made")
    make(folder, *arguments)
    return folder
