"""What it gains to know whose section answers: `python -m benchmarks.section_authors`.

No judged set says who wrote which section. So the documents of expert_vdd_contacts that one
candidate alone wrote are bound into collections of four, by four candidates each, as a handbook
is whose chapters have their authors; the others stand as they are. Then the same questions are
asked: of the set as it comes, of the collections without their sections' authors, and of the
collections with them, for each weight of those who wrote another section than the one that
answers. Documents vote by their own scores here, whatever stands near them.
"""

import tempfile
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from benchmarks import not_measured
from benchmarks.__main__ import CACHE
from benchmarks.voting_sets import NO_SMOOTHING
from connectors.ports import Change, Connector, Upsert
from connectors.values import Section
from evaluation.corpora import ExpertSet, JudgedText, load_expert_set
from evaluation.measures import figure, values
from evaluation.scratch import (
    VECTORS,
    JudgedDirectory,
    JudgedSource,
    NoFiles,
    candidate_account,
    evaluation_reader,
)
from expertise.directory import SqlDirectory
from expertise.scoring import walk
from expertise.values import Window
from expertise.votes import cast_votes, counting_contributions, discounted_votes
from expertise.who_knows import combine_scores
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.state import State
from quisait.application.database import connect, migrate
from quisait.application.engines import open_cached_encoder, open_scratch_index
from quisait.settings import EncoderSettings, IndexSettings
from search_api.search import Search
from tests.model_export import prepared_model
from tests.shared_files import SHARED

SET = "expert_vdd_contacts"
BOUND = 4
Asked = tuple[Window, dict[str, str]]
WEIGHTS = (1.0, 0.75, 0.5, 0.25, 0.0)
MEASURES = ("AP", "RR")


class Collections:
    """A connector: the collections, and what is in none of them."""

    source = "evaluation"

    def __init__(self, judged: ExpertSet, *, signed: bool) -> None:
        self._bound = list(collections_of(judged.documents))
        inside = {section.id for some in self._bound for section in some}
        self._others = [document for document in judged.documents if document.id not in inside]
        self._queries, self._signed = judged.queries, signed

    def changes(self, since: str | None) -> Iterator[Change]:
        """Every document, whatever `since` says."""
        others = JudgedSource(self._others, self._queries)
        yield from others.changes(since)
        for number, some in enumerate(self._bound, 1):
            authors = tuple(section.authors[0] for section in some)
            whole = JudgedText(f"recueil-{number}", f"Recueil {number}", "", authors)
            sections = tuple(
                Section(
                    section.text,
                    section.title,
                    candidate_account(section.authors[0]) if self._signed else None,
                )
                for section in some
            )
            yield Upsert(replace(others.document(whole), sections=sections))


def collections_of(documents: Sequence[JudgedText]) -> Iterator[tuple[JudgedText, ...]]:
    """Fours of documents by one candidate each, no two by the same; what is left over is not."""
    by_author: dict[str, deque[JudgedText]] = defaultdict(deque)
    for document in documents:
        if len(document.authors) == 1:
            by_author[document.authors[0]].append(document)
    while True:
        most = sorted(by_author, key=lambda author: (-len(by_author[author]), author))[:BOUND]
        some = [by_author[author].popleft() for author in most if by_author[author]]
        if len(some) < BOUND:
            return
        yield tuple(some)


def measured(
    name: str, connector: Connector, judged: ExpertSet, weights: Sequence[float]
) -> Iterator[str]:
    """A row of the table for each weight."""
    windows = dict(asked(connector, judged))
    for weight in weights:
        run = {
            query: ranking(window, owners, judged, weight)
            for query, (window, owners) in windows.items()
        }
        found = values(run, judged.judgments, MEASURES)
        means = [f"{figure(found[measure], judged.queries).mean:.3f}" for measure in MEASURES]
        yield f"| {name} | {weight:g} | {' | '.join(means)} |"


def asked(connector: Connector, judged: ExpertSet) -> Iterator[tuple[str, Asked]]:
    """Each question's window and the owners of its accounts, by the code that serves."""
    encoder = EncoderSettings.model_validate({"kind": "onnx", "model": str(prepared_model())})
    settings = IndexSettings.model_validate({"engine": "embedded"})
    with (
        tempfile.TemporaryDirectory() as folder,
        open_cached_encoder(encoder, Path(CACHE) / VECTORS, keep_queries=True) as encoding,
        open_scratch_index(settings, Path(folder), encoding.dimension) as index,
    ):
        database = migrate(connect(f"sqlite:///{Path(folder) / 'state.sqlite'}"))
        state, book = State(database), SqlDirectory(database)
        book.replace(JudgedDirectory(judged.candidates))
        crawl(connector, CrawlDependencies(NoFiles(), encoding, index, state, state))
        search = Search(index, encoding, book)
        for query in judged.queries:
            window = search.window_of(query.text, evaluation_reader(query))
            window = NO_SMOOTHING.window(window)
            accounts = {
                row.account
                for document in window.documents
                for row in counting_contributions(document.card)
            }
            owners = {name: agent.id for name, agent in book.by_account(accounts).items()}
            yield query.id, (window, owners)


def ranking(window: Window, owners: dict[str, str], judged: ExpertSet, weight: float) -> list[str]:
    """As `expertise.who_knows` scores."""
    votes = cast_votes(window, date.today(), owners, elsewhere=weight)
    sums = {id_: discounted_votes(some) for id_, some in votes.items()}
    scores = combine_scores(sums, walk(window, votes))
    return sorted(scores.keys() & judged.ranked, key=lambda id_: (-scores[id_].score, id_))


def main() -> None:
    """On the embedded index."""
    if not_measured("section authors", f"eval/{SET}"):
        return
    judged = load_expert_set(SHARED / "eval" / SET)
    variants = (
        ("as it comes", JudgedSource(judged.documents, judged.queries), WEIGHTS[:1]),
        ("bound, unsigned", Collections(judged, signed=False), WEIGHTS[:1]),
        ("bound, signed", Collections(judged, signed=True), WEIGHTS),
    )
    print("| documents | other sections count | AP | RR |\n|---|---:|---:|---:|")
    for name, connector, weights in variants:
        for row in measured(name, connector, judged, weights):
            print(row, flush=True)


if __name__ == "__main__":
    main()
