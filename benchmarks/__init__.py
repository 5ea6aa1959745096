"""What was measured, and how: each module prints the figures that the documents give."""

from pathlib import Path

from tests.shared_files import SHARED


def not_measured(part: str, *paths: str | Path) -> bool:
    """Whether data of `../shared` is missing that this part reads; if so, print one line."""
    missing = [str(path) for path in paths if not (SHARED / path).exists()]
    if missing:
        print(f"{part}: not measured, for want of {', '.join(missing)} in ../shared.", flush=True)
    return bool(missing)
