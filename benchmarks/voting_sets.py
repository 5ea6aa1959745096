"""How votes are summed, on all expert sets: `python -m benchmarks.voting_sets [SET …]`.

Each question's window is asked for once, by the code that serves; then its candidates are ranked
again and again. Five tables come of it:

1. AP of what serves beside CombSUM and CombMAX, and of other forms against who contributes
   everywhere, with the form that the other organisations choose for each set.
2. Signals: what AP gains where roles, ages, thanks and accepted answers count otherwise, on the
   sets that tell them.
3. Volumes: what planted correctors of commas cost without volumes, and with them.
4. History: which form an organisation's own earlier documents choose, and what that gives.
5. Neighbours: what AP gains where a document's vote is partly the score of the documents near it,
   and what that costs a question.

Errors go by groups of questions that share judgments. Nothing here is served by itself.
`--values FOLDER` keeps what was measured of each set, and takes from there what is kept, so that
sets may be run one by one; what the other organisations choose is of the sets that are named.
"""

import argparse
import json
import random
import sys
import timeit
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from datetime import date, timedelta
from functools import partial
from itertools import product
from math import fsum
from pathlib import Path
from statistics import median
from typing import TypeAlias

from benchmarks import not_measured
from benchmarks.__main__ import CACHE
from connectors.values import Contribution, ContributorRole
from evaluation.corpora import ExpertSet, JudgedQuery, load_expert_set, spread
from evaluation.measures import figure, values
from evaluation.scratch import Bench, candidate_account, evaluation_reader, judged_id, open_scratch
from evaluation.voting_models import comb_max, comb_sum
from expertise.scoring import walk
from expertise.values import Window
from expertise.votes import (
    EDITS_EXPONENT,
    SHARPNESS,
    VOLUME_EXPONENT,
    VOLUME_FLOOR,
    VOTERS,
    Vote,
    cast_votes,
    discounted_votes,
    summed_by_kind,
)
from expertise.who_knows import combine_scores
from indexer.values import Card
from quisait.settings import EncoderSettings, IndexSettings
from search_api.questions.query import Query
from search_api.ranking.fusion import fuse
from search_api.ranking.window import VOTES_NEAR_HITS, near_hits
from search_api.search import Search
from tests.model_export import prepared_model
from tests.shared_files import SHARED

Votes: TypeAlias = Mapping[str, tuple[Vote, ...]]
Sums: TypeAlias = Callable[[Votes], dict[str, float]]
ByQuestion: TypeAlias = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SetFiles:
    """A set's folder, with what is named `queries…`, `qrels…` and `candidates…` in it."""

    folder: str
    questions: str = ""
    candidates: str = ""


HUBS = "expert_slicer, nine busiest too"
SETS = {
    "expert_beta, products": SetFiles("expert_beta"),
    "expert_beta, themes": SetFiles("expert_beta", "_theme"),
    "expert_slicer": SetFiles("expert_slicer"),
    "expert_meta": SetFiles("expert_meta"),
    "expert_vdd_contacts": SetFiles("expert_vdd_contacts"),
    "expert_dblp": SetFiles("expert_dblp"),
    HUBS: SetFiles("expert_slicer", "_all", "_all"),
}
TIMED = 30
"""So many questions, spread over all, tell what smoothing costs."""
EARLIER = 75
"""So many of an organisation's own documents are asked for as questions, spread over all."""


@dataclass(frozen=True, slots=True)
class AskedSet:
    """A set with the window of each question.

    `earlier` are titles of its own documents, each asked of all others; whoever contributed to
    the document is what they are judged by. `last` is the day of each account's last
    contribution to a document, where the set tells, by document and account. `smoothing_ms`: the
    median of what it takes to smooth a window.
    """

    name: str
    judged: ExpertSet
    earlier: ExpertSet
    windows: Mapping[str, Window]
    last: Mapping[tuple[str, str], date]
    smoothing_ms: float

    @property
    def owners(self) -> dict[str, str]:
        """Every candidate, by their account."""
        return {candidate_account(one.id): one.id for one in self.judged.candidates}

    @property
    def whole(self) -> Counter[str]:
        """How many of all documents each candidate contributed to."""
        return Counter(name for one in self.judged.documents for name in set(one.authors))


def asked(name: str, bench: Bench) -> AskedSet:
    """Index a set and ask its questions. Raises `IndexRefused`."""
    files = SETS[name]
    folder = SHARED / "eval" / files.folder
    judged = load_expert_set(
        folder,
        f"queries{files.questions}.jsonl",
        f"qrels{files.questions}.tsv",
        candidates_file=f"candidates{files.candidates}.jsonl",
    )
    earlier = earlier_questions(judged)
    both = replace(judged, queries=judged.queries + earlier.queries)
    with open_scratch(bench, both) as scratch:

        def ask(query: JudgedQuery) -> Window:
            return scratch.search.window_of(query.text, evaluation_reader(query))

        answers = bench.each(ask, both.queries)
        smoothing_ms = median(
            smoothing_took_ms(scratch.search, query) for query in spread(judged.queries, TIMED)
        )
    windows = {query.id: window for query, window in zip(both.queries, answers, strict=True)}
    last = last_days(folder / "documents.jsonl")
    return AskedSet(name, judged, earlier, windows, last, smoothing_ms)


def smoothing_took_ms(search: Search, query: JudgedQuery) -> float:
    """Of the window of one question, the best of a few times."""
    found = search.hits(Query(query.text), evaluation_reader(query), with_experts=True).found
    fused = fuse(found.lexical, found.vector, VOTERS)
    took = timeit.repeat(partial(near_hits, fused, found.attributes), number=1, repeat=5)
    return min(took) * 1000


def earlier_questions(judged: ExpertSet) -> ExpertSet:
    """Titles of documents by candidates who contributed to another one too."""
    often = Counter(name for one in judged.documents for name in set(one.authors))
    right = {
        one.id: {name: 1 for name in one.authors if name in judged.ranked and often[name] > 1}
        for one in judged.documents
    }
    fit = [one for one in judged.documents if one.title and right[one.id]]
    queries = tuple(
        JudgedQuery(f"earlier:{one.id}", one.title, one.id, one.id) for one in spread(fit, EARLIER)
    )
    return replace(
        judged, queries=queries, judgments={query.id: right[query.doc] for query in queries}
    )


def last_days(path: Path) -> dict[tuple[str, str], date]:
    """As `AskedSet.last`: the loader leaves dates out."""
    return {
        (row["_id"], each["account"]): date.fromisoformat(each["last"])
        for row in map(json.loads, filter(None, path.read_text(encoding="utf-8").split("\n")))
        for each in row.get("contributions") or ()
        if each.get("last")
    }


# 1. Forms


@dataclass(frozen=True, slots=True)
class Form:
    """What pages' scores are raised to, and what divides the votes of who is everywhere.

    `edits`: the power of one more than the window's pages that they changed. `whole`: that of the
    number of all documents that they contributed to, a candidate's background.
    """

    sharpness: float
    edits: float
    whole: float

    def sums(self, votes: Votes, whole: Mapping[str, int]) -> dict[str, float]:
        """As `summed_by_kind`, which is the served one of these forms."""
        found = summed_by_kind(votes)
        if (self.sharpness, self.edits) != (SHARPNESS, EDITS_EXPONENT):
            found = {id_: found[id_] + self._change(cast) for id_, cast in votes.items()}
        return {id_: total / float(whole[id_] ** self.whole) for id_, total in found.items()}

    def _change(self, cast: Sequence[Vote]) -> float:
        pages = [vote.smoothed for vote in cast if not vote.answers]
        more = 1 + fsum(vote.edited for vote in pages)
        ours = discounted_votes(pages, self.sharpness) / float(more**self.edits)
        return ours - discounted_votes(pages) / float(more**EDITS_EXPONENT)


SERVED = Form(SHARPNESS, EDITS_EXPONENT, 0.0)
FORMS = tuple(
    Form(*one) for one in product((SHARPNESS, 3.0, 4.0), (0.0, 0.2, 0.3, 0.5), (0.0, 0.1, 0.2))
)
PLAIN = {"CombSUM": comb_sum, "CombMAX": comb_max}
NEAR = 0.01
"""What serves is to be no more below the better of CombSUM and CombMAX."""


@dataclass(frozen=True, slots=True)
class Smoothing:
    """The part of its neighbours in a document's vote; whether in the walk and in answers too."""

    part: float
    walk: bool
    answers: bool

    def window(self, window: Window) -> Window:
        """The window with gains of this part: they are proportional to it."""
        times = self.part / VOTES_NEAR_HITS
        return replace(
            window,
            documents=tuple(
                each._replace(near_hits=each.near_hits * times) for each in window.documents
            ),
        )


def pages_smoothed(vote: Vote) -> Vote:
    """Answers count by their own scores."""
    return vote._replace(near_hits=0.0) if vote.answers else vote


class Ranker:
    """Ranks one set's candidates, as `expertise.who_knows` does, and judges them."""

    def __init__(self, one: AskedSet) -> None:
        self.one, self.owners, self.whole = one, one.owners, one.whole
        self.cast = partial(cast_votes, today=date.today(), owner_of=self.owners)
        self._votes: dict[str, Votes] = {}
        self._visits: dict[str, dict[str, float]] = {}

    def found(self, judged: ExpertSet, sums: Sums) -> ByQuestion:
        """AP of each question of these, with the served votes summed otherwise."""
        for query in judged.queries:
            if query.id not in self._votes:
                window = self.one.windows[query.id]
                self._votes[query.id] = votes = self.cast(window)
                self._visits[query.id] = walk(window, votes)
        run = {
            query.id: self._order(sums(self._votes[query.id]), self._visits[query.id])
            for query in judged.queries
        }
        return values(run, judged.judgments, ("AP",))["AP"]

    def otherwise(
        self, change: Callable[[Card], Card], cast: Callable[..., Votes] | None = None
    ) -> ByQuestion:
        """AP of each judged question, with other cards or votes summed as they are served."""
        judged, run = self.one.judged, {}
        kept: dict[str, Card] = {}
        for query in judged.queries:
            window = self.one.windows[query.id]
            for each in window.documents:
                if each.card.document_id not in kept:
                    kept[each.card.document_id] = change(each.card)
            documents = tuple(
                each._replace(card=kept[each.card.document_id]) for each in window.documents
            )
            window = replace(window, documents=documents)
            votes = (cast or self.cast)(window)
            run[query.id] = self._order(summed_by_kind(votes), walk(window, votes))
        return values(run, judged.judgments, ("AP",))["AP"]

    def smoothed(self, way: Smoothing) -> ByQuestion:
        """AP of each judged question, with the window smoothed otherwise."""
        judged, run = self.one.judged, {}
        for query in judged.queries:
            window = way.window(self.one.windows[query.id])
            votes = self.cast(window)
            visits = walk(window if way.walk else NO_SMOOTHING.window(window), votes)
            if not way.answers:
                votes = {id_: tuple(map(pages_smoothed, cast)) for id_, cast in votes.items()}
            run[query.id] = self._order(summed_by_kind(votes), visits)
        return values(run, judged.judgments, ("AP",))["AP"]

    def _order(self, sums: Mapping[str, float], visits: Mapping[str, float]) -> list[str]:
        scores = combine_scores(sums, visits)
        among = scores.keys() & self.one.judged.ranked
        return sorted(among, key=lambda id_: (-scores[id_].score, id_))


def plain(model: Callable[[Sequence[Vote]], float]) -> Sums:
    """A voting model that sums each candidate's votes alone."""
    return lambda votes: {id_: model(cast) for id_, cast in votes.items()}


def form_rows(ranker: Ranker) -> dict[object, ByQuestion]:
    """AP by question of each form, and of CombSUM and CombMAX."""
    judged = ranker.one.judged
    found: dict[object, ByQuestion] = {
        form: ranker.found(judged, partial(form.sums, whole=ranker.whole)) for form in FORMS
    }
    return found | {name: ranker.found(judged, plain(model)) for name, model in PLAIN.items()}


def forms_text(tables: Mapping[str, Mapping[object, float]]) -> Iterator[str]:
    """Each set's means, and what the other organisations choose for it."""
    yield "| set | served | CombSUM | CombMAX | below the better | chosen elsewhere | AP |"
    yield "|---|---:|---:|---:|---:|---|---:|"
    for name, means in tables.items():
        others = [
            each
            for other, each in tables.items()
            if SETS[other].folder != SETS[name].folder and other != HUBS
        ]
        better = max(means["CombSUM"], means["CombMAX"])
        cells = [f"{means[each]:.3f}" for each in (SERVED, "CombSUM", "CombMAX")]
        cells.append(f"{max(0.0, better - means[SERVED]):.3f}")
        if others:
            form = max(FORMS, key=lambda one: fsum(each[one] / each[SERVED] for each in others))
            cells += [_named(form), f"{means[form]:.3f}"]
        else:
            cells += ["", ""]
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""
    yield (
        "| sharpness of pages | less for edits | less for the whole | " + " | ".join(tables) + " |"
    )
    yield f"|---:|---:|---:|{'---:|' * len(tables)}"
    for form in FORMS:
        mark = "**" if form == SERVED else ""
        cells = [
            f"{form.sharpness:g}",
            f"{form.edits:g}",
            f"{form.whole:g}",
            *(
                f"{means[form] - (0 if mark else means[SERVED]):{'' if mark else '+'}.3f}"
                for means in tables.values()
            ),
        ]
        yield "| " + " | ".join(f"{mark}{cell}{mark}" for cell in cells) + " |"


def _named(form: Form) -> str:
    return f"{form.sharpness:g}, {form.edits:g}, {form.whole:g}"


# 2. Signals

Change: TypeAlias = Callable[[Contribution], Sequence[Contribution]]


def on_rows(change: Change, card: Card) -> Card:
    """The card with other contributions."""
    rows = tuple(new for row in card.contributions for new in change(row))
    return replace(card, contributions=rows)


def in_role(role: ContributorRole, *others: ContributorRole) -> Change:
    """Rows in one role stand in others; in none they do not count."""
    return lambda row: [replace(row, role=one) for one in others] if row.role is role else [row]


def thanked(times: float) -> Change:
    """So many times the thanks."""
    return lambda row: [replace(row, thanks=round(row.thanks * times))]


ROLE_CHANGES: Mapping[str, tuple[ContributorRole, Change]] = {
    "an edit counts nothing": (ContributorRole.EDITOR, in_role(ContributorRole.EDITOR)),
    "an edit counts as writing the page": (
        ContributorRole.EDITOR,
        in_role(ContributorRole.EDITOR, ContributorRole.EDITOR, ContributorRole.AUTHOR),
    ),
    "an accepted answer counts as any": (
        ContributorRole.ACCEPTED_ANSWERER,
        in_role(ContributorRole.ACCEPTED_ANSWERER, ContributorRole.ANSWERER),
    ),
    "only accepted answers count": (
        ContributorRole.ACCEPTED_ANSWERER,
        in_role(ContributorRole.ANSWERER),
    ),
}
THANKS_CHANGES = {"thanks count nothing": 0.0, "thanks count double": 2.0}
AGE_CHANGES = {"half-life 10 years": 0.5, "half-life 5 years": 1.0, "half-life 2.5 years": 2.0}
_FIRST_YEAR = timedelta(days=365)
TIMELESS = frozenset({"expert_meta"})
"""Its questions are asked of later threads too: ages say nothing there."""


def aged(ages: float, last: Mapping[tuple[str, str], date], today: date, card: Card) -> Card:
    """The card with its dates, their ages beyond the first year so many times as long."""

    def of(row: Contribution) -> Sequence[Contribution]:
        day = last.get((judged_id(card.document_id), judged_id(row.account)))
        if day is None:
            return [row]
        beyond = max(timedelta(0), today - day - _FIRST_YEAR)
        return [replace(row, last=today - _FIRST_YEAR - beyond * ages)]

    return on_rows(of, card)


def signal_rows(ranker: Ranker) -> Iterator[str]:
    """What each change adds to AP, where the set tells the signal."""
    one = ranker.one
    served = ranker.otherwise(lambda card: card)
    rows = [row for each in one.judged.documents for row in each.contributions]

    def told(change: str, found: ByQuestion) -> str:
        gains = {query: found[query] - served[query] for query in found}
        gain = figure(gains, one.judged.queries)
        return f"| {change} | {one.name} | {gain.mean:+.4f} ± {gain.standard_error:.4f} |"

    for name, (role, change) in ROLE_CHANGES.items():
        if any(row.role is role for row in rows):
            yield told(name, ranker.otherwise(partial(on_rows, change)))
    if any(row.thanks for row in rows):
        for name, times in THANKS_CHANGES.items():
            yield told(name, ranker.otherwise(partial(on_rows, thanked(times))))
    if one.last and one.name not in TIMELESS:
        today = max(one.last.values())
        cast = partial(cast_votes, today=today, owner_of=ranker.owners)
        for name, ages in AGE_CHANGES.items():
            yield told(name, ranker.otherwise(partial(aged, ages, one.last, today), cast))


# 3. Volumes

LINES, COMMA = 226, 2
CORRECTORS = 9
"""So many candidates, drawn by chance, correct the commas of all documents."""


def corrected(card: Card, correctors: Sequence[str], *, volumes: bool) -> Card:
    """The card with one more contributor, who changed two lines of 228; not of their own."""
    corrector = random.Random(card.document_id).choice(correctors)
    own = corrector in {row.account for row in card.contributions}
    if own or not card.contributions:
        return card
    wrote = tuple(replace(row, volume=LINES if volumes else None) for row in card.contributions)
    comma = Contribution(corrector, ContributorRole.EDITOR, volume=COMMA if volumes else None)
    return replace(card, contributions=(*wrote, comma))


SHARES = ((0.25, 0.1), (0.5, 0.0), (0.5, 0.1), (0.5, 0.2), (1.0, 0.1))
"""Exponents, and floors, of a part of the text."""


def share(exponent: float, floor: float, part: float) -> float:
    """As `share_of_text`, which has the served ones."""
    return max(floor, float(part**exponent))


def volume_rows(ranker: Ranker, correctors: Sequence[str]) -> Iterator[str]:
    """AP as the set comes, with commas corrected, and with volumes."""
    one = ranker.one

    def told(change: str, found: ByQuestion) -> str:
        return f"| {one.name} | {change} | {figure(found, one.judged.queries).mean:.3f} |"

    yield told("as it comes", ranker.otherwise(lambda card: card))
    planted = partial(corrected, correctors=correctors)
    yield told("commas corrected", ranker.otherwise(partial(planted, volumes=False)))
    for exponent, floor in SHARES:
        cast = partial(ranker.cast, share_of=partial(share, exponent, floor))
        mark = "**" if (exponent, floor) == (VOLUME_EXPONENT, VOLUME_FLOOR) else ""
        name = f"{mark}volumes known: power {exponent:g}, at least {floor:g}{mark}"
        yield told(name, ranker.otherwise(partial(planted, volumes=True), cast))


# 4. History


def history_row(ranker: Ranker) -> str:
    """AP of a few ways to sum, on the set's own earlier documents and on its questions."""
    one = ranker.one
    ways: dict[str, Sums] = {
        "what serves": summed_by_kind,
        "pages": plain(discounted_votes),
        "sums": plain(comb_sum),
    }
    cells, chosen = [], ("", -1.0)
    for name, sums in ways.items():
        earlier = figure(ranker.found(one.earlier, sums), one.earlier.queries).mean
        asked_ = figure(ranker.found(one.judged, sums), one.judged.queries).mean
        cells.append(f"{earlier:.3f} / {asked_:.3f}")
        chosen = max(chosen, (name, earlier), key=lambda each: each[1])
    return f"| {one.name} | {' | '.join(cells)} | {chosen[0]} |"


# 5. Neighbours


NO_SMOOTHING = Smoothing(0.0, walk=False, answers=False)
SMOOTHED = {
    **{f"all, {part:g}": Smoothing(part, True, True) for part in (0.1, 0.15, 0.2, 0.3)},
    "votes without the walk, 0.2": Smoothing(0.2, walk=False, answers=True),
    "pages, 0.2": Smoothing(0.2, walk=False, answers=False),
}


def smoothing_rows(ranker: Ranker) -> Iterator[str]:
    """What each part of neighbours adds to AP."""
    one = ranker.one
    before = ranker.smoothed(NO_SMOOTHING)
    for name, way in SMOOTHED.items():
        found = ranker.smoothed(way)
        gain = figure({id_: found[id_] - before[id_] for id_ in found}, one.judged.queries)
        mark = "**" if way == Smoothing(VOTES_NEAR_HITS, walk=True, answers=True) else ""
        yield f"| {mark}{name}{mark} | {one.name} | {gain.mean:+.4f} ± {gain.standard_error:.4f} |"


HISTORY_HEAD = (
    "| set: earlier / asked | what serves | all as pages | all summed | history chooses |\n"
    "|---|---:|---:|---:|---|"
)


@dataclass(frozen=True, slots=True)
class SetRows:
    """What one set adds to the five tables. `forms` has the mean AP of each form and plain sum."""

    forms: Mapping[object, float]
    signals: list[str]
    volumes: list[str]
    history: list[str]
    neighbours: list[str]
    cost: str


def set_rows(name: str, bench: Bench) -> SetRows:
    """Ask one set, and rank its candidates in all ways."""
    ranker = Ranker(asked(name, bench))
    judged, earlier = ranker.one.judged, ranker.one.earlier
    learns = bool(earlier.queries) and not SETS[name].questions
    return SetRows(
        {form: figure(each, judged.queries).mean for form, each in form_rows(ranker).items()},
        list(signal_rows(ranker)),
        list(volume_rows(ranker, drawn(ranker))) if name in PLANTED else [],
        [history_row(ranker)] if learns else [],
        list(smoothing_rows(ranker)),
        f"{name} {ranker.one.smoothing_ms:.1f}",
    )


def kept(path: Path) -> SetRows | None:
    """What was measured before of a set, by all of the forms."""
    if not path.is_file():
        return None
    row = json.loads(path.read_text("utf-8"))
    forms = {Form(*one) if isinstance(one, list) else one: mean for one, mean in row.pop("forms")}
    return SetRows(forms, **row) if forms.keys() == {*FORMS, *PLAIN} else None


def keep(path: Path, rows: SetRows) -> None:
    """For `kept`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    forms = [
        [astuple(one) if isinstance(one, Form) else one, mean] for one, mean in rows.forms.items()
    ]
    path.write_text(json.dumps({**asdict(replace(rows, forms={})), "forms": forms}), "utf-8")


def main(arguments: Sequence[str]) -> None:
    """Every set, or those named, on the embedded index."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voting_sets")
    parser.add_argument("sets", nargs="*", default=list(SETS), metavar="SET")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--values", type=Path)
    given = parser.parse_args(arguments)
    if unknown := set(given.sets) - SETS.keys():
        parser.error(f"{', '.join(sorted(unknown))}: no such set; there are {', '.join(SETS)}")
    encoder = EncoderSettings.model_validate({"kind": "onnx", "model": str(prepared_model())})
    bench = Bench(IndexSettings.model_validate({"engine": "embedded"}), encoder, given.cache)
    found: dict[str, SetRows] = {}
    for name in given.sets:
        if not_measured(name, f"eval/{SETS[name].folder}"):
            continue
        path = given.values / f"{name}.json" if given.values else None
        found[name] = (kept(path) if path else None) or set_rows(name, bench)
        if path:
            keep(path, found[name])
    print(tables_text(found))


def tables_text(found: Mapping[str, SetRows]) -> str:
    """The five tables of these sets."""
    each = found.values()

    def rows(of: Callable[[SetRows], list[str]]) -> list[str]:
        return [row for one in each for row in of(one)]

    volumes = rows(lambda one: one.volumes)
    return "\n".join(
        (
            *forms_text({name: one.forms for name, one in found.items()}),
            "\n| what counts otherwise | set | AP |\n|---|---|---:|",
            *rows(lambda one: one.signals),
            *(["\n| set | contributions | AP |\n|---|---|---:|", *volumes] if volumes else []),
            f"\n{HISTORY_HEAD}",
            *rows(lambda one: one.history),
            "\n| smoothed, part of neighbours | set | AP |\n|---|---|---:|",
            *rows(lambda one: one.neighbours),
            f"\nSmoothing a window, median ms a question: {', '.join(one.cost for one in each)}",
        )
    )


PLANTED = ("expert_dblp",)
"""A set that tells neither roles nor dates: what is planted there disturbs nothing else."""


def drawn(ranker: Ranker) -> list[str]:
    """The accounts of a few of the candidates who are ranked, always the same."""
    among = sorted(ranker.one.judged.ranked)
    draw = random.Random(ranker.one.name)
    return [candidate_account(id_) for id_ in draw.sample(among, min(CORRECTORS, len(among)))]


if __name__ == "__main__":
    main(sys.argv[1:])
