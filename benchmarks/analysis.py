"""Check which words match on both engines: `python -m benchmarks.analysis [--write]`.

Indexes every text of the cases on each engine, runs every query, and prints the cases with a wrong
result; `--write` writes `docs/analyse.md`.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.analysis_cases import CASES, SHOWN, Case
from connectors.values import EVERYONE, Access, Document
from indexer.access import Reader, access_filter
from indexer.embedded.index import EmbeddedIndex
from indexer.ports import Index
from indexer.values import IndexedDocument, Passage, Put, SearchRequest
from search_api.query.query import read_question
from tests.encoders import FakeEncoder
from tests.opensearch_index import fresh_index

PAGE = Path(__file__).resolve().parents[1] / "docs" / "analyse.md"
READER = access_filter(Reader("a", frozenset({EVERYONE})))
ENCODER = FakeEncoder()
INTRODUCTION = """\
# L'analyse du français

Ce qui se rencontre, et ce qui ne doit pas se rencontrer. Une seule analyse
(`indexer/french/analysis.py`) fournit les termes aux deux moteurs ; la commande
`python -m benchmarks.analysis --write` écrit cette page en posant chaque question à
chacun d'eux. « ↔ » : dans les deux sens ; « → » : la question trouve le texte, qui dit
plus qu'elle. Un texte se trouve sous son nom le plus précis et sous de plus larges ; une
question n'en demande que le plus précis.

{cases} cas, {wrong} faux.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A case, and for each engine whether its result is right."""

    case: Case
    right: Mapping[str, bool]


def rows() -> list[Row]:
    """Run all cases on both engines."""
    found = {"intégré": _embedded(), "OpenSearch": _opensearch()}
    return [
        Row(case, {engine: met[number] == case.meet for engine, met in found.items()})
        for number, case in enumerate(CASES)
    ]


def _embedded() -> list[bool]:
    with tempfile.TemporaryDirectory() as folder:
        return meetings(EmbeddedIndex(Path(folder), ENCODER.dimension), CASES)


def _opensearch() -> list[bool]:
    with fresh_index(ENCODER.dimension) as index:
        return meetings(index, CASES)


def meetings(index: Index, cases: Sequence[Case]) -> list[bool]:
    """Return for each case whether its query finds its text.

    With `both`, a matching pair must find each other both ways, any other pair neither way.
    """
    texts = list(dict.fromkeys(text for case in cases for text in (case.asked, case.text)))
    index.write([_put(f"case:{number}", text) for number, text in enumerate(texts)])
    found: dict[str, set[str]] = {}

    def finds(asked: str, text: str) -> bool:
        if asked not in found:
            question = read_question(asked)
            request = SearchRequest(READER, question, window=len(texts), facets=())
            hits = index.search(request).lexical
            found[asked] = {texts[int(hit.document_id.partition(":")[2])] for hit in hits}
        return text in found[asked]

    return [
        _met(case, finds(case.asked, case.text), finds(case.text, case.asked)) for case in cases
    ]


def _met(case: Case, there: bool, back: bool) -> bool:
    if not case.both:
        return there
    return there and back if case.meet else there or back


def _put(document_id: str, text: str) -> Put:
    document = Document(document_id, "case", title="", access=Access(frozenset({EVERYONE})))
    passages = (Passage(text),)
    return Put(IndexedDocument(document, passages, ENCODER.passages([text]), text, text))


def page(found: Sequence[Row]) -> str:
    """Return the content of `docs/analyse.md`."""
    wrong = sum(not all(row.right.values()) for row in found)
    lines = [INTRODUCTION.format(cases=len(found), wrong=wrong)]
    for meet, title in ((True, "Ce qui se rencontre"), (False, "Ce qui ne se rencontre pas")):
        lines += [f"## {title}\n", *_table([row for row in found if row.case.meet == meet]), ""]
    return "\n".join(lines)


def _table(found: Sequence[Row]) -> Iterator[str]:
    engines = list(found[0].right)
    reason = [] if found[0].case.meet else ["raison"]
    yield f"| sujet | question | | texte | {' | '.join([*engines, *reason])} |"
    yield f"|---|---|---|---|{'---|' * (len(engines) + len(reason))}"
    for row in found:
        case = row.case
        words = ["oui" if row.right[engine] == case.meet else "non" for engine in engines]
        marked = [
            word if row.right[engine] else f"**{word}**"
            for word, engine in zip(words, engines, strict=True)
        ]
        cells = [case.subject, _shown(case.asked), "↔" if case.both else "→", _shown(case.text)]
        yield f"| {' | '.join([*cells, *marked, *([case.why] if reason else [])])} |"


def _shown(text: str) -> str:
    """Return the text with visible signs for line ends and non-breaking spaces."""
    for sign, character in SHOWN.items():
        text = text.replace(character, sign)
    return f"`{text}`"


def main(arguments: list[str]) -> None:
    """Print wrong cases; with `--write`, write the page too."""
    found = rows()
    wrong = [row for row in found if not all(row.right.values())]
    for row in wrong:
        print(row.case, dict(row.right))
    print(f"{len(found)} cases, {len(wrong)} wrong", flush=True)
    if "--write" in arguments:
        PAGE.write_text(page(found), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
