"""Benchmarks: each module measures and prints figures that the documentation gives."""

from pathlib import Path

from tests.shared_files import SHARED


def not_measured(part: str, *paths: str | Path) -> bool:
    """Print one line and return True if files of `../shared` that a benchmark needs are missing."""
    missing = [str(path) for path in paths if not (SHARED / path).exists()]
    if missing:
        print(f"{part}: not measured, for want of {', '.join(missing)} in ../shared.", flush=True)
    return bool(missing)
