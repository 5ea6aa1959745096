"""Print what share of the product's lines a run of the tests executed, from SlipCover's file.

`make test` and `make test-fast` end with these lines. What runs in processes of its own (the
command line, workers, the extractor's child) is not counted.
"""

import json
import sys
from collections import Counter
from pathlib import Path

PACKAGES = ("connectors", "indexer", "expertise", "search_api", "quisait", "evaluation")


def lines(measured: Path) -> list[str]:
    """One line for the whole, one for its packages."""
    executed, missing = Counter[str](), Counter[str]()
    for name, file in json.loads(measured.read_text("utf-8"))["files"].items():
        package = name.partition("/")[0]
        executed[package] += file["summary"]["covered_lines"]
        missing[package] += file["summary"]["missing_lines"]
    shares = (f"{name} {_share(executed[name], missing[name])}" for name in PACKAGES)
    return [
        f"Coverage: {_share(executed.total(), missing.total())} of the product's lines, without "
        "what runs in processes of its own",
        f"  {', '.join(shares)}",
    ]


def _share(executed: int, missing: int) -> str:
    return f"{100 * executed / max(executed + missing, 1):.0f} %"


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines(Path(sys.argv[1]))) + "\n")
