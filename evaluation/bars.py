"""Choose an encoder's bars on a judged set: read `measure_bars`, then `chosen_bars`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from evaluation.abstention import MOST_LOST_SHARE, markdown_row
from evaluation.corpora import JudgedQuery, SearchSet
from evaluation.cut import FIRST
from evaluation.scratch import Bench, Scratch, evaluation_reader, judged_id, open_scratch
from indexer.values import RelevanceCut
from search_api.query.query import Query
from search_api.ranking.fusion import BUNDLED_CUT, ModelBars, fuse

STEP = 0.005
"""Distance of the cosines from which a bar is chosen."""
LEAST_KEPT_SHARE = 0.95
"""Share of the relevant documents among the first `FIRST` that a cut must keep: about what the
bundled model's cut keeps on the set where it keeps least (docs/evaluation.md).
"""
INFORMATION = BUNDLED_CUT.information
"""The required share of a question's information, which does not depend on the encoder."""
_NEAR_IN_NO_CASE = 2.0


@dataclass(frozen=True, slots=True)
class BarQuestion:
    """A question as asked.

    `closest`: cosine of its nearest document. `has_all_words`: a document holds every word of the
    question. `by_words`: number of relevant documents kept by its words; `by_sense`: cosines of the
    other relevant documents.
    """

    foreign: bool
    closest: float
    has_all_words: bool
    by_words: int
    by_sense: tuple[float, ...]

    def far(self, bar: float) -> bool:
        """Return whether no document would come near it at this bar."""
        return self.closest < bar and not self.has_all_words


def measure_bars(
    judged: SearchSet, bench: Bench, foreign: Sequence[JudgedQuery]
) -> tuple[tuple[BarQuestion, ...], str]:
    """Ask each question, and the foreign ones; also return the encoder's name.

    Raises `IndexUnreachable` or `IndexRefused`.
    """
    with open_scratch(bench, judged) as scratch:
        ask = partial(_ask, judged, scratch)
        own = bench.each(partial(ask, False), judged.queries)
        others = bench.each(partial(ask, True), foreign)
        return (*own, *others), scratch.encoder.name


def _ask(judged: SearchSet, scratch: Scratch, foreign: bool, query: JudgedQuery) -> BarQuestion:
    reader = evaluation_reader(query)
    hits = scratch.search.hits(Query(query.text, wide=True), reader)
    vector = {hit.document_id: hit.score for hit in hits.found.vector}
    worded: frozenset[str] = frozenset()
    relevant: set[str] = set()
    if not foreign:
        ranked = fuse(hits.found.lexical, hits.found.vector, FIRST)
        grades = judged.judgments[query.id]
        relevant = {
            one.document_id for one in ranked if grades.get(judged_id(one.document_id), 0) > 0
        }
        by_words = RelevanceCut(INFORMATION, _NEAR_IN_NO_CASE)
        found = scratch.index.search(replace(hits.request, cut=by_words, facets=()))
        worded = found.members or frozenset()
    return BarQuestion(
        foreign,
        max(vector.values(), default=-1.0),
        scratch.search.has_all_words(query.text, reader),
        len(relevant & worded),
        tuple(vector.get(one, -1.0) for one in sorted(relevant - worded)),
    )


def chosen_bars(asked: Sequence[BarQuestion]) -> ModelBars:
    """Return the bars.

    `far_cosine` is the highest cosine that makes at most `MOST_LOST_SHARE` of the questions far.

    The cut has the same cosine (decision 35), or a lower one if it would keep less than
    `LEAST_KEPT_SHARE` of the relevant documents.
    """
    steps = steps_of(asked)
    far = max(bar for bar in steps if far_share(asked, bar) <= MOST_LOST_SHARE)
    kept = [bar for bar in steps if bar <= far and kept_share(asked, bar) >= LEAST_KEPT_SHARE]
    return ModelBars(far, RelevanceCut(INFORMATION, max(kept)) if kept else None)


def steps_of(asked: Sequence[BarQuestion]) -> list[float]:
    """Return the cosines to choose from: steps over the range of this encoder's cosines."""
    seen = [one.closest for one in asked] + [c for one in asked for c in one.by_sense if c > -1]
    low, high = math.floor(min(seen) / STEP), math.ceil(max(seen) / STEP)
    return [round(step * STEP, 6) for step in range(low, high + 1)]


def far_share(asked: Sequence[BarQuestion], bar: float, *, foreign: bool = False) -> float:
    """Return the share of the questions, own or foreign, without a near document at a bar."""
    some = [one.far(bar) for one in asked if one.foreign is foreign]
    return sum(some) / max(1, len(some))


def kept_share(asked: Sequence[BarQuestion], bar: float) -> float:
    """Return the share of relevant documents of the first `FIRST` that a cut there keeps."""
    own = [one for one in asked if not one.foreign]
    kept = sum(one.by_words + sum(cosine >= bar for cosine in one.by_sense) for one in own)
    return kept / max(1, sum(one.by_words + len(one.by_sense) for one in own))


def bars_text(name: str, asked: Sequence[BarQuestion], chosen: ModelBars) -> str:
    """Return a Markdown table of the cosines around the chosen bars, which are bold."""
    bars = {chosen.far_cosine} | ({chosen.cut.cosine} if chosen.cut else set())
    shown = [
        bar for bar in steps_of(asked) if any(abs(bar - one) <= 3 * STEP + 1e-9 for one in bars)
    ]
    lines = [
        f"| {name}: cosine | own questions far | from elsewhere far | relevant kept |",
        "|---:|---:|---:|---:|",
    ]
    for bar in shown:
        cells = [
            f"{bar:.3f}",
            f"{far_share(asked, bar):.3f}",
            f"{far_share(asked, bar, foreign=True):.2f}" if any(q.foreign for q in asked) else "",
            f"{kept_share(asked, bar):.3f}",
        ]
        lines.append(markdown_row(cells, "**" if bar in bars else ""))
    return "\n".join(lines)
