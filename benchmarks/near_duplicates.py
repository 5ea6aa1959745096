"""Which texts are taken for copies: `python -m benchmarks.near_duplicates [documents]`.

Reads `$QUISAIT_SHARED/eval/search_vdd_related`: real French sheets. Of each, copies are
made as folders hold them (a stamp, page headers and footers, words cut at line ends, a
lost end), and versions as a year makes them (years and amounts change; some sentences
too). Printed for each least resemblance: how many copies are taken for copies, how many
versions, and how many pairs of different sheets.
"""

import random
import re
import sys
import time
from collections.abc import Callable
from itertools import combinations

from benchmarks import not_measured
from connectors.values import Section
from evaluation.corpora import load_search_set
from indexer.near_duplicates import (
    LEAST_NUMBERS,
    LEAST_RESEMBLANCE,
    RUN_BYTES,
    resemblance,
    same_text,
    signature,
)
from indexer.passages import cut
from tests.shared_files import SHARED

LEAST = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
Change = Callable[[str, random.Random], str]


def stamped(text: str, chance: random.Random) -> str:
    """Another office's copy: a header with a place and a date, a closing formula."""
    day = f"{chance.randint(1, 28)} mars {chance.randint(2018, 2025)}"
    return (
        f"Direction départementale des finances publiques\nReçu le {day}, bureau "
        f"{chance.randint(1, 60)}\n\n{text}\n\nPour diffusion dans les services."
    )


def paged(text: str, chance: random.Random) -> str:
    """As a PDF gives it: lines of 80 characters, words cut, a footer on each page."""
    words, lines, line = text.split(), [], ""
    for word in words:
        if len(line) + len(word) > 80:
            cut_at = len(word) // 2
            split = len(word) > 7 and chance.random() < 0.3
            lines.append(f"{line} {word[:cut_at]}-" if split else line)
            line = word[cut_at:] if split else word
        else:
            line = f"{line} {word}".strip()
        if len(lines) % 41 == 40:
            lines.append(f"Page {len(lines) // 40} sur 9")
    return "\n".join([*lines, line])


def shortened(text: str, chance: random.Random) -> str:
    """The last twentieth is missing."""
    return text[: -max(1, len(text) // 20)]


def next_year(text: str, chance: random.Random) -> str:
    """Every number is another one."""
    return re.sub(r"\d+", lambda found: str(int(found[0]) + chance.randint(1, 40)), text)


def amended(text: str, chance: random.Random) -> str:
    """A tenth of the sentences say something else, and years go on."""
    sentences = re.split(r"(?<=[.!?])\s+", text)
    for place in range(len(sentences)):
        if chance.random() < 0.1:
            words = sentences[place].split()
            chance.shuffle(words)
            sentences[place] = " ".join(words)
    return re.sub(r"\b20\d\d\b", lambda found: str(int(found[0]) + 1), " ".join(sentences))


COPIES: dict[str, Change] = {"stamped": stamped, "as a PDF": paged, "end lost": shortened}
VERSIONS: dict[str, Change] = {"next year": next_year, "amended": amended}


def signed(text: str) -> bytes:
    """As the pipeline would sign it."""
    return signature(cut((Section(text),), "")) if text.strip() else b""


def main(arguments: list[str]) -> None:
    """Print a row for each least resemblance, then the rule that serves."""
    if not_measured("near duplicates", "eval/search_vdd_related"):
        return
    most = int(arguments[0]) if arguments else 400
    texts = [
        document.text
        for document in load_search_set(SHARED / "eval" / "search_vdd_related").documents
    ]
    chance = random.Random(5)
    texts = chance.sample(texts, min(most, len(texts)))
    began = time.perf_counter()
    signatures = [signed(text) for text in texts]
    spent = time.perf_counter() - began
    words = sum(len(text.split()) for text in texts)
    pairs = [(text, s) for text, s in zip(texts, signatures, strict=True) if s]
    print(f"{len(pairs)} sheets of {len(texts)} are signed; {words / spent:,.0f} words/s")
    others = {
        name: [(s, signed(change(text, chance))) for text, s in pairs]
        for name, change in {**COPIES, **VERSIONS}.items()
    }
    others["different"] = [(a, b) for (_, a), (_, b) in combinations(pairs, 2)]
    print("least resemblance".ljust(20) + "".join(name.rjust(12) for name in others))
    found = {
        name: [resemblance(a[:RUN_BYTES], b[:RUN_BYTES]) for a, b in each]
        for name, each in others.items()
    }
    for least in LEAST:
        counts = [sum(value >= least for value in values) for values in found.values()]
        print(_row(f"{least:.2f}", counts, found))
    rule = [sum(same_text(a, b) for a, b in each) for each in others.values()]
    print(_row(f"rule ({LEAST_RESEMBLANCE}, {LEAST_NUMBERS})", rule, found))


def _row(name: str, counts: list[int], found: dict[str, list[float]]) -> str:
    cells = [
        f"{count}" if kind == "different" else f"{count / max(1, len(values)):.1%}"
        for count, (kind, values) in zip(counts, found.items(), strict=True)
    ]
    return name.ljust(20) + "".join(cell.rjust(12) for cell in cells)


if __name__ == "__main__":
    main(sys.argv[1:])
