"""Share of the product's lines that the tests executed, from SlipCover's files.

`make test ARGS=--coverage` prints these lines, and `make soak ARGS=--coverage` after it those of
both runs together. Lines that run in other processes (the command line, workers, the extractor's
child) are not counted.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

PACKAGES = ("connectors", "indexer", "expertise", "search_api", "quisait", "evaluation")


def lines(measured: Iterable[Path]) -> list[str]:
    """One line for the whole, one for its packages; a line counts once, whatever ran it."""
    seen, everything = set[tuple[str, int]](), set[tuple[str, int]]()
    for path in measured:
        for name, file in json.loads(path.read_text("utf-8"))["files"].items():
            seen.update((name, line) for line in file["executed_lines"])
            everything.update((name, line) for line in file["missing_lines"])
    executed = Counter(name.partition("/")[0] for name, _ in seen)
    missing = Counter(name.partition("/")[0] for name, _ in everything - seen)
    shares = (f"{name} {_share(executed[name], missing[name])}" for name in PACKAGES)
    return [
        f"Coverage: {_share(executed.total(), missing.total())} of the product's lines, without "
        "what runs in processes of its own",
        f"  {', '.join(shares)}",
    ]


def _share(executed: int, missing: int) -> str:
    return f"{100 * executed / max(executed + missing, 1):.0f} %"
