"""Evaluate where a result set ends, and how often there is a direct answer."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from evaluation.abstention import markdown_row
from evaluation.corpora import JudgedQuery, SearchSet
from evaluation.scratch import Bench, Scratch, evaluation_reader, judged_id, open_scratch
from indexer.values import RelevanceCut
from search_api.query.query import Query
from search_api.ranking.fusion import fuse

INFORMATION_STEPS = (0.15, 0.2, 0.25, 0.3, 0.4)
"""Shares of a question's information from which a cut is chosen."""
COSINE_STEPS = (0.82, 0.83, 0.845, 0.86)
"""Cosines from which a cut is chosen."""
FIRST = 100
"""Number of first documents among which the relevant ones should be kept."""
FEW = 10
"""A foreign question should show fewer documents than this."""
_NEAR_IN_NO_CASE = 2.0
_AUTHOR = "auteur"


@dataclass(frozen=True, slots=True)
class CutQuestion:
    """A question: relevant first documents that each cut keeps, and the size of its result set."""

    foreign: bool
    whole: int
    relevant: int
    kept: Mapping[RelevanceCut, int]
    sizes: Mapping[RelevanceCut, int]


def evaluate_cut(
    judged: SearchSet, bench: Bench, foreign: Sequence[JudgedQuery], served: RelevanceCut
) -> tuple[CutQuestion, ...]:
    """Ask each question, and the foreign ones, with every cut and the served one.

    Raises `IndexUnreachable` or `IndexRefused`.
    """
    steps = sorted({*INFORMATION_STEPS, served.information})
    cosines = sorted({*COSINE_STEPS, served.cosine})
    with open_scratch(bench, judged) as scratch:
        ask = partial(_ask, judged, scratch, steps, cosines)
        own = bench.each(partial(ask, False), judged.queries)
        return (*own, *bench.each(partial(ask, True), foreign))


def _ask(
    judged: SearchSet,
    scratch: Scratch,
    steps: Sequence[float],
    cosines: Sequence[float],
    foreign: bool,
    query: JudgedQuery,
) -> CutQuestion:
    """Search once per share of information; the vector ranking gives the effect of cosines."""
    hits = scratch.search.hits(Query(query.text, wide=True), evaluation_reader(query))
    ranked = fuse(hits.found.lexical, hits.found.vector, FIRST)
    grades = {} if foreign else judged.judgments[query.id]
    relevant = {one.document_id for one in ranked if grades.get(judged_id(one.document_id), 0) > 0}
    kept, sizes = {}, {}
    for information in steps:
        by_words = RelevanceCut(information, _NEAR_IN_NO_CASE)
        found = scratch.index.search(replace(hits.request, cut=by_words, facets=()))
        worded = found.members or frozenset()
        for cosine in cosines:
            near = {hit.document_id for hit in found.vector if hit.score >= cosine}
            cut = RelevanceCut(information, cosine)
            kept[cut] = len(relevant & (worded | near))
            sizes[cut] = found.total + len(near - worded)
    return CutQuestion(foreign, hits.found.total, len(relevant), kept, sizes)


def cut_text(name: str, asked: Sequence[CutQuestion], served: RelevanceCut) -> str:
    """Return a Markdown table as in docs/evaluation.md; the served cut is bold."""
    lines = [
        f"| {name}: information | cosine | relevant of the first {FIRST} kept | documents (median) "
        f"| from elsewhere: documents (median) | fewer than {FEW} |",
        "|---:|---:|---:|---:|---:|---:|",
        markdown_row(["none", "none", "1.000", *_sizes(asked, None)], ""),
    ]
    for cut in sorted(asked[0].kept, key=lambda one: (one.information, one.cosine)):
        own = [one for one in asked if not one.foreign and one.relevant]
        share = sum(one.kept[cut] for one in own) / max(1, sum(one.relevant for one in own))
        cells = [f"{cut.information:.2f}", f"{cut.cosine:.3f}", f"{share:.3f}", *_sizes(asked, cut)]
        lines.append(markdown_row(cells, "**" if cut == served else ""))
    return "\n".join(lines)


def _sizes(asked: Sequence[CutQuestion], cut: RelevanceCut | None) -> list[str]:
    """Return median size, median size of foreign questions, and share of these with few."""
    own, foreign = (
        [one.sizes[cut] if cut else one.whole for one in asked if one.foreign is which]
        for which in (False, True)
    )
    few = sum(size < FEW for size in foreign) / max(1, len(foreign))
    return [
        f"{statistics.median(own):g}",
        f"{statistics.median(foreign):g}" if foreign else "",
        f"{few:.2f}" if foreign else "",
    ]


@dataclass(frozen=True, slots=True)
class SureAnswer:
    """Whether a question has a direct answer, and whether its first document is relevant."""

    shown: bool
    right: bool


def evaluate_direct(judged: SearchSet, bench: Bench) -> tuple[SureAnswer, ...]:
    """Ask each question as a page does, of documents that all have an author.

    Raises `IndexUnreachable` or `IndexRefused`.
    """
    written = [replace(one, authors=one.authors or (_AUTHOR,)) for one in judged.documents]
    with open_scratch(bench, replace(judged, documents=tuple(written))) as scratch:

        def ask(query: JudgedQuery) -> SureAnswer:
            page = scratch.search.answer(Query(query.text), evaluation_reader(query), date.today())
            found, grades = page.direct, judged.judgments[query.id]
            quoted = judged_id(found.first.card.document_id) if found else ""
            return SureAnswer(found is not None, grades.get(quoted, 0) > 0)

        return tuple(bench.each(ask, judged.queries))


def direct_text(name: str, asked: Sequence[SureAnswer]) -> str:
    """Return a Markdown table as in docs/evaluation.md."""
    shown = [one for one in asked if one.shown]
    share = len(shown) / max(1, len(asked))
    good = sum(one.right for one in shown) / max(1, len(shown))
    return "\n".join(
        (
            "| set | questions | answered | of these right |",
            "|---|---:|---:|---:|",
            markdown_row([name, str(len(asked)), f"{share:.2f}", f"{good:.2f}"], ""),
        )
    )
