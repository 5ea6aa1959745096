"""Where the shared test data lies."""

import os
from pathlib import Path

SHARED = Path(
    os.environ.get("QUISAIT_SHARED", Path(__file__).resolve().parents[2] / "shared")
).resolve()
