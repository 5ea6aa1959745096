"""What a comparison with a saved run says: sentences for people, a body for programs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quisait.evaluation.comparing import CONFIDENCE, Comparison, Moved, compared
from quisait.evaluation.corpora import ExpertSet, JudgedQuery, MalformedSet, SearchSet
from quisait.evaluation.measures import Run, values
from quisait.evaluation.reports import Report
from quisait.evaluation.saved_runs import SavedRuns


@dataclass(frozen=True, slots=True)
class Compared:
    """One run beside its saved one. `unanswered`: questions of which the saved file says nothing.

    They count 0 there. `left_out`: those that were not asked then, or are not now.
    """

    name: str
    queries: int
    clusters: int
    unanswered: int
    left_out: int
    measures: Mapping[str, Comparison]


def compare_report(
    report: Report, judged: SearchSet | ExpertSet, saved: SavedRuns
) -> tuple[Compared, ...]:
    """Each run of the report that was saved too, measured by the judgments of today.

    Raises `MalformedSet` where the file is of another set or shares no run or question.
    """
    if saved.set_name not in ("", judged.name):
        raise MalformedSet(f"Les réponses enregistrées sont du jeu {saved.set_name}.")
    measures = list(next(iter(report.rows.values())))
    found = tuple(
        _one(name, run, former, judged, measures, complete=saved.complete)
        for name, run in report.runs.items()
        if (former := saved.run(name)) is not None
    )
    if not found:
        raise MalformedSet(
            f"Rien à comparer : les réponses enregistrées ({', '.join(saved.runs)}) ne sont pas "
            f"celles d'un de ces classements ({', '.join(report.runs)})."
        )
    return found


def _one(
    name: str,
    ours: Run,
    theirs: Run,
    judged: SearchSet | ExpertSet,
    measures: Sequence[str],
    *,
    complete: bool,
) -> Compared:
    known = set(theirs)
    both = [query for query in judged.queries if query.id in known]
    queries = both if complete else list(judged.queries)
    if not both:
        raise MalformedSet(f"{name} : aucune question commune avec les réponses enregistrées.")
    return Compared(
        name=name,
        queries=len(queries),
        clusters=len({query.group for query in queries}),
        unanswered=len(queries) - len(both),
        left_out=len(known | {query.id for query in judged.queries}) - len(queries),
        measures=compared(
            values(_as_deep(ours, ours, queries), judged.judgments, measures),
            values(_as_deep(theirs, ours, queries), judged.judgments, measures),
            queries,
        ),
    )


def _as_deep(run: Run, ours: Run, queries: Sequence[JudgedQuery]) -> Run:
    """The answers to these questions, no further down than ours go: a longer run gains by it."""
    depth = max(map(len, ours.values()), default=0)
    return {query.id: run.get(query.id, ())[:depth] for query in queries}


def comparison_body(found: Sequence[Compared], *, show_queries: bool) -> dict[str, Any]:
    """By run: counts, then each measure."""
    return {
        one.name: {
            "queries": one.queries,
            "clusters": one.clusters,
            "unanswered": one.unanswered,
            "left_out": one.left_out,
            "measures": {
                name: _measure_body(measure, show_queries=show_queries)
                for name, measure in one.measures.items()
            },
        }
        for one in found
    }


def _measure_body(one: Comparison, *, show_queries: bool) -> dict[str, Any]:
    known = not math.isnan(one.low)
    return {
        "before": one.before,
        "after": one.after,
        "difference": one.difference,
        "interval": [one.low, one.high] if known else None,
        "confidence": CONFIDENCE,
        "p_value": one.p_value,
        "exact": one.exact,
        "clusters_better": one.better,
        "clusters_worse": one.worse,
        "clusters_equal": one.equal,
        "lost": [_moved_body(moved, show_queries=show_queries) for moved in one.lost],
        "gained": [_moved_body(moved, show_queries=show_queries) for moved in one.gained],
    }


def _moved_body(one: Moved, *, show_queries: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"query": one.query.id, "difference": one.difference}
    return body | {"text": one.query.text} if show_queries else body


def comparison_text(found: Sequence[Compared], path: Path, *, show_queries: bool) -> str:
    """A table a run, then the questions that moved most by its first measure."""
    return "\n\n".join(_told(one, path, show_queries=show_queries) for one in found)


def _told(one: Compared, path: Path, *, show_queries: bool) -> str:
    lines = [
        f"{one.name} comparé à {path} : {one.queries} questions en {one.clusters} groupes, "
        "tirés et échangés par groupe",
    ]
    if one.unanswered:
        lines.append(
            f"questions sans réponse dans ce fichier, où elles valent 0 : {one.unanswered}"
        )
    if one.left_out:
        lines.append(f"questions posées d'un seul côté, laissées de côté : {one.left_out}")
    heads = ("avant", "après", "écart", "intervalle à 95 %", "p", "mieux", "moins bien", "égal")
    lines.append(f"{'':10}" + "".join(f"{head:>{_WIDE.get(head, 12)}}" for head in heads))
    lines += [_row(name, measure) for name, measure in one.measures.items()]
    name, first = next(iter(one.measures.items()))
    for way, moved in (("perdu", first.lost), ("gagné", first.gained)):
        if moved:
            lines.append(f"questions qui ont le plus {way} ({name}) :")
            lines += [_moved_line(each, show_queries=show_queries) for each in moved]
    return "\n".join(lines)


_WIDE = {"intervalle à 95 %": 22}


def _row(name: str, one: Comparison) -> str:
    known = not math.isnan(one.low)
    interval = f"[{one.low:+.4f} ; {one.high:+.4f}]" if known else "un seul groupe"
    p_value = f"{one.p_value:.4f}{'' if one.exact else ' ~'}"
    cells = (f"{one.before:.4f}", f"{one.after:.4f}", f"{one.difference:+.4f}")
    counts = (one.better, one.worse, one.equal)
    return (
        f"{name:10}"
        + "".join(f"{cell:>12}" for cell in cells)
        + f"{interval:>22}{p_value:>12}"
        + "".join(f"{count:>12}" for count in counts)
    )


def _moved_line(one: Moved, *, show_queries: bool) -> str:
    text = f"  {one.query.text}" if show_queries else ""
    return f"  {one.difference:+.4f}  {one.query.id}{text}"
