"""Evaluate claims that an agent is alone on a topic: how many are right, and how many are found.

Read `evaluate_isolation` first. A set is an export (`export/directory.csv`, `export/topics.csv`,
and a folder for each source) and its truth (`truth.json`), both of one day.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from evaluation.corpora import MalformedSet
from evaluation.scratch import VECTORS, Bench, NoFiles
from expertise.build import BuildRules, build_expertise
from expertise.builds import SqlBuilds
from expertise.current_build import BuildReader
from expertise.directory import SqlDirectory
from expertise.holders import IsolationScope
from expertise.topics import TopicList, read_topics
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.errors import IndexRefused
from indexer.ports import Encoder, Index
from indexer.state import State
from quisait.application.database import migrate
from quisait.application.engines import open_cached_encoder, open_scratch_index
from quisait.application.progress import shown_progress
from quisait.application.sources import open_source, open_tables
from quisait.settings.sources import SourceSettings
from search_api.context import AnswerContext
from search_api.engine import Search
from search_api.topics.isolation import all_isolated_holders, topics_without_claim

BARS = (0.0, 0.2, 0.4, 0.6, 0.8)
"""Required certainty that no unseen agent holds the topic; `BuildRules` has the served value."""


@dataclass(frozen=True, slots=True)
class TrueTopic:
    """The real holders of a topic on the day of the set, by agents' ids.

    `alone_in` maps areas (`` for the country, else a département) to the agent who holds it alone
    there. `wrote`: holders in force who wrote on it, so that documents can reveal them.
    """

    kind: str
    in_force: frozenset[str]
    past: frozenset[str]
    alone_in: Mapping[str, str]
    wrote: frozenset[str]


@dataclass(frozen=True, slots=True)
class IsolationSet:
    """A set's folder, day and truth by topic id."""

    name: str
    export: Path
    day: date
    topics: Mapping[str, TrueTopic]


class ClaimResult(StrEnum):
    """Whether a claim is right, and if not, the agent's real relation to the topic."""

    RIGHT = "right"
    WITH_OTHERS = "with others"
    BEFORE = "held it before"
    NEVER = "never held it"


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim that an agent is alone on a topic in an area: `` (country) or a département."""

    topic_id: str
    agent_id: str
    area: str


@dataclass(frozen=True, slots=True)
class IsolationOutcome:
    """Claims about topics of one kind in areas of one size, by their results.

    `alone` and `alone_wrote` count the agents really alone, and those among them who wrote on the
    topic; `found_wrote` counts the latter who were found.
    """

    results: Mapping[ClaimResult, int]
    alone: int
    alone_wrote: int
    found_wrote: int

    @property
    def claims(self) -> int:
        """Number of claims."""
        return sum(self.results.values())

    @property
    def right(self) -> int:
        """Number of right claims."""
        return self.results.get(ClaimResult.RIGHT, 0)


@dataclass(frozen=True, slots=True)
class IsolationReport:
    """Results of one bar: outcomes by (kind of topic, whether in the country).

    `unclaimed` of the `topics` have too few visible people for a claim; `share` is the largest
    share of their people that is visible.
    """

    least_known: float
    outcomes: Mapping[tuple[str, bool], IsolationOutcome]
    unclaimed: int
    topics: int
    share: float


def load_isolation_set(directory: Path) -> IsolationSet:
    """Read the truth. Raises `MalformedSet` if a file is missing or not as expected."""
    export, truth = directory / "export", directory / "truth.json"
    for path in (truth, export / "directory.csv", export / "topics.csv"):
        if not path.is_file():
            raise MalformedSet(f"{path} manque : ce n'est pas un jeu d'isolement.")
    try:
        said: dict[str, Any] = json.loads(truth.read_text("utf-8"))
        topics = {id_: _true_topic(one) for id_, one in said["topics"].items()}
        day = date.fromisoformat(said["snapshot"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedSet(f"{truth} n'est pas comme attendu ({type(error).__name__}).") from error
    return IsolationSet(directory.resolve().name, export, day, topics)


def _true_topic(one: Mapping[str, Any]) -> TrueTopic:
    alone = dict(one["alone_in_departement"])
    if one["alone_in_france"]:
        alone[""] = one["alone_in_france"]
    return TrueTopic(
        one["kind"],
        frozenset(one["in_force"]),
        frozenset(one["past"]),
        alone,
        frozenset(one["in_force_with_evidence"]),
    )


def evaluate_isolation(
    judged: IsolationSet, bench: Bench, bars: Sequence[float] = (BuildRules().least_known, *BARS)
) -> tuple[IsolationReport, ...]:
    """Return the results of each bar on the set's day, from one crawl and a build for each bar.

    The claims are those that pages show. Raises the errors of a crawl and a build.
    """
    with _open_stage(judged, bench) as stage:
        listed = read_topics(judged.export / "topics.csv")
        return tuple(_report(judged, stage.claims(listed, judged.day, bar)) for bar in bars)


def claims_by_area(rows: Sequence[Claim], *, country: bool) -> Sequence[Claim]:
    """Return the claims about the whole country, or those about départements."""
    return [one for one in rows if (one.area == "") == country]


@dataclass(frozen=True, slots=True)
class _Claimed:
    least_known: float
    claims: tuple[Claim, ...]
    unclaimed: int
    topics: int
    share: float


@dataclass(frozen=True, slots=True)
class _Stage:
    """The parts of the product, in a temporary folder."""

    index: Index
    encoder: Encoder
    book: SqlDirectory
    builds: SqlBuilds

    def claims(self, listed: TopicList, day: date, bar: float) -> _Claimed:
        """Return the claims that the product makes with this bar."""
        rules = BuildRules(least_known=bar)
        with build_expertise(
            self.index, self.book, self.encoder, listed.topics, rules, day
        ) as build:
            self.builds.publish(build, listed)
        reader = BuildReader(self.builds, self.index, self.book, rules)
        search = Search(self.index, self.encoder, self.book)
        context = AnswerContext(search, self.book, today=lambda: day, overview=reader)
        found = all_isolated_holders(context)
        unclaimed = topics_without_claim(context)
        claims = [
            Claim(row.topic.id, row.agent.id, area)
            for row in found.rows
            for area in _areas(row.scope, row.agent.departement)
        ]
        return _Claimed(
            bar, tuple(claims), len(unclaimed.topics), unclaimed.of, round(unclaimed.share, 2)
        )


def _areas(scope: IsolationScope, departement: str) -> Iterator[str]:
    """Yield the areas of a claim: a claim for the country also holds for the département."""
    if scope is IsolationScope.COUNTRY:
        yield ""
    if departement:
        yield departement


@contextmanager
def _open_stage(judged: IsolationSet, bench: Bench) -> Iterator[_Stage]:
    """Read the set's directory and crawl its sources."""
    with (
        tempfile.TemporaryDirectory(
            prefix="quisait-evaluation-", ignore_cleanup_errors=True
        ) as name,
        open_cached_encoder(bench.encoder, bench.cache / VECTORS, keep_queries=True) as encoder,
        open_scratch_index(bench.index, Path(name), encoder.dimension) as index,
    ):
        database = migrate(sa.create_engine(f"sqlite:///{Path(name) / 'state.sqlite'}"))
        try:
            state, book = State(database), SqlDirectory(database)
            book.replace(open_tables(judged.export / "directory.csv"))
            for source in sorted(path for path in judged.export.iterdir() if path.is_dir()):
                with shown_progress(source.name, "documents", bench.quiet) as advance:
                    report = crawl(
                        open_source(_export_of(source), None),
                        CrawlDependencies(NoFiles(), encoder, index, state, state),
                        progress=lambda so_far, advance=advance: advance(so_far.put, None),  # type: ignore[misc]
                    )
                if report.failed or report.malformed:
                    lost = report.failed + report.malformed
                    raise IndexRefused(f"{source.name} : {lost} documents n'ont pas été indexés.")
            yield _Stage(index, encoder, book, SqlBuilds(database))
        finally:
            database.dispose()


def _export_of(folder: Path) -> SourceSettings:
    """Return the settings of a source with the folder's name."""
    return SourceSettings(name=folder.name, kind="export", path=str(folder.resolve()))


def _report(judged: IsolationSet, claimed: _Claimed) -> IsolationReport:
    kinds = sorted({one.kind for one in judged.topics.values()})
    outcomes = {
        (kind, country): judge(
            {id_: one for id_, one in judged.topics.items() if one.kind == kind},
            claims_by_area(claimed.claims, country=country),
            country=country,
        )
        for country in (True, False)
        for kind in kinds
    }
    return IsolationReport(
        claimed.least_known, outcomes, claimed.unclaimed, claimed.topics, claimed.share
    )


def judge(
    topics: Mapping[str, TrueTopic], claims: Sequence[Claim], *, country: bool
) -> IsolationOutcome:
    """Compare claims about these topics with the truth; ignore claims about others."""
    known = [one for one in claims if one.topic_id in topics]
    results = Counter(_result_of(topics[one.topic_id], one) for one in known)
    alone = {
        Claim(id_, agent, area)
        for id_, one in topics.items()
        for area, agent in one.alone_in.items()
        if (area == "") == country
    }
    wrote = {one for one in alone if one.agent_id in topics[one.topic_id].wrote}
    return IsolationOutcome(results, len(alone), len(wrote), len(wrote.intersection(known)))


def _result_of(topic: TrueTopic, claim: Claim) -> ClaimResult:
    if topic.alone_in.get(claim.area) == claim.agent_id:
        return ClaimResult.RIGHT
    if claim.agent_id in topic.in_force:
        return ClaimResult.WITH_OTHERS
    return ClaimResult.BEFORE if claim.agent_id in topic.past else ClaimResult.NEVER


def best_by_evidence(topics: Mapping[str, TrueTopic]) -> IsolationOutcome:
    """Return the best possible outcome of documents, if it were known which writers hold topics.

    If only one holder in force wrote, they are claimed alone in the country; others may be unseen.
    """
    claims = [
        Claim(id_, agent, "")
        for id_, one in topics.items()
        if len(one.wrote) == 1
        for agent in one.wrote
    ]
    return judge(topics, claims, country=True)


def isolation_body(judged: IsolationSet, reports: Sequence[IsolationReport]) -> dict[str, Any]:
    """Return the reports as JSON values; the served bar comes first."""
    best = best_by_evidence(judged.topics)
    return {
        "set": judged.name,
        "best_by_evidence": {"claims": best.claims, "right": best.right},
        "bars": [
            {
                "least_known": one.least_known,
                "unclaimed_topics": one.unclaimed,
                "topics": one.topics,
                "largest_share_unclaimed": one.share,
                "outcomes": [
                    {
                        "kind": kind,
                        "area": "country" if country else "departement",
                        "claims": found.claims,
                        **{
                            verdict.name.lower(): found.results.get(verdict, 0)
                            for verdict in ClaimResult
                        },
                        "alone": found.alone,
                        "alone_wrote": found.alone_wrote,
                        "found_wrote": found.found_wrote,
                    }
                    for (kind, country), found in one.outcomes.items()
                ],
            }
            for one in reports
        ],
    }


def isolation_text(judged: IsolationSet, reports: Sequence[IsolationReport]) -> str:
    """Return a table: the served bar, the others, then the best possible outcome of documents."""
    head = (
        f"{'bar':>6} {'area':12} {'topics':9} {'claims':>6} {'right':>6} {'others':>7} "
        f"{'before':>7} {'never':>6} {'precision':>10} {'found':>11} {'of who wrote':>13}"
    )
    lines = [f"{judged.name}: who is called alone", head]
    for number, one in enumerate(reports):
        lines += [
            f"{'serves' if not number else f'{one.least_known:.1f}':>6} "
            f"{'country' if country else 'département':12} {kind:9} {_cells(found)}"
            for (kind, country), found in one.outcomes.items()
        ]
        said = (
            f"{one.unclaimed} of {one.topics} topics without a claim: too few of their people show"
        )
        lines.append(f"      {said}" + (f" ({one.share:.0%} at most)" if one.unclaimed else ""))
    best = best_by_evidence(judged.topics)
    if best.claims:
        lines.append(
            f"At best, if it were known which writers hold a topic: {best.right} of {best.claims} "
            f"claims for the country right ({best.right / best.claims:.2f})."
        )
    return "\n".join(lines)


def _cells(found: IsolationOutcome) -> str:
    precision = f"{found.right / found.claims:.2f}" if found.claims else "–"
    others, before, never = (
        found.results.get(one, 0)
        for one in (ClaimResult.WITH_OTHERS, ClaimResult.BEFORE, ClaimResult.NEVER)
    )
    whole, wrote = (
        f"{found.right} of {found.alone}",
        f"{found.found_wrote} of {found.alone_wrote}",
    )
    return (
        f"{found.claims:>6} {found.right:>6} {others:>7} {before:>7} {never:>6} {precision:>10} "
        f"{whole:>11} {wrote:>13}"
    )
