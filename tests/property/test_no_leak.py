"""No id, no word and no count of an unreadable document reaches an answer."""

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

import pytest

from connectors.values import Access, Agent, Contribution, ContributorRole, Section
from expertise.who_knows import NO_BAR, PeopleQuestion, find_experts
from indexer.access import NOBODY, Reader, access_filter
from indexer.ports import Index
from indexer.values import Passage, Put, Question, SearchRequest, ShowRequest
from search_api.engine import Search
from search_api.query.query import Query
from search_api.ranking.direct_answer import read_sentences
from tests.builders import ENCODER, indexed, make_document
from tests.each import each
from tests.judging import engine_index
from tests.oracle import knowing, may_read, shown_by_id

pytestmark = pytest.mark.trust

DOCUMENTS = 1000
READERS = 20
LIMITED = 8
AUTHORITIES = ("ldap", "wiki", "wifip")
UNKNOWN = frozenset({"ldap:group:3"})
"""Names nobody known: whatever denies it is closed."""
PRINCIPALS = ("everyone", *(f"{a}:group:{n}" for a in AUTHORITIES for n in range(4)))
TODAY = date(2026, 10, 1)


@dataclass(frozen=True)
class Secret:
    """A document whose id, title word, space and author are its own."""

    number: int
    access: Access

    @property
    def document_id(self) -> str:
        return f"{self.source}:{self.number}"

    @property
    def source(self) -> str:
        return "forum" if self.number % 5 == 0 else "wiki"

    @property
    def word(self) -> str:
        return f"secret{self.number}x"

    @property
    def space(self) -> str:
        return f"espace{self.number}"

    @property
    def account(self) -> str:
        return f"wiki:auteur{self.number}"

    def put(self) -> Put:
        text = f"Une note commune sur le cadastre, {self.word}. Le plan vaut {self.number} euros."
        document = make_document(
            self.document_id,
            title=f"Titre{self.number}x commun",
            sections=(Section(text),),
            access=self.access,
            space=self.space,
            area=f"{self.number % 7:02}",
            contributions=(Contribution(self.account, ContributorRole.AUTHOR),),
        )
        return Put(indexed(document, passages=(Passage(text),)))


def random_access(draw: random.Random) -> Access:
    allowed = draw.sample(PRINCIPALS, draw.choice((0, 1, 1, 2, 3)))
    denied = draw.sample(PRINCIPALS[1:], draw.choice((0, 0, 1, 2)))
    return Access(frozenset(allowed), frozenset(denied))


def random_reader(draw: random.Random) -> Reader:
    groups = draw.sample(PRINCIPALS[1:], draw.randint(0, 5))
    unanswered = draw.sample(AUTHORITIES, draw.choice((0, 0, 1, 2)))
    return Reader("a", frozenset({"everyone", *groups}), frozenset(unanswered))


class AuthorsAreAgents:
    """A directory in which each account is an agent of its own."""

    def by_account(self, accounts: Iterable[str]) -> Mapping[str, Agent]:
        return {account: Agent(account, "Prénom", "Nom") for account in accounts}


@dataclass(frozen=True)
class Library:
    index: Index
    secrets: tuple[Secret, ...]

    def readable(self, reader: Reader) -> set[str]:
        return {
            secret.document_id
            for secret in self.secrets
            if may_read(reader, secret.access, secret.source, secret.space, UNKNOWN)
        }


def filled(index: Index) -> Library:
    draw = random.Random(3)
    secrets = tuple(Secret(n, random_access(draw)) for n in range(DOCUMENTS))
    for start in range(0, DOCUMENTS, 500):
        assert not index.write([secret.put() for secret in secrets[start : start + 500]]).failed
    return Library(knowing(index, UNKNOWN), secrets)


@pytest.fixture(scope="module", params=["embedded", "opensearch"])
def library(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("library")
    with engine_index(request.param, folder, ENCODER.dimension) as index:
        yield filled(index)


def readers() -> list[Reader]:
    draw = random.Random(4)
    whole = [random_reader(draw) for _ in range(READERS)]
    return [NOBODY, *whole, *(limited(draw, one) for one in whole[:LIMITED])]


def limited(draw: random.Random, reader: Reader) -> Reader:
    """The same reader by a token that opens one source and two thirds of the spaces."""
    spaces = frozenset(f"espace{n}" for n in draw.sample(range(DOCUMENTS), DOCUMENTS * 2 // 3))
    return replace(reader, sources=frozenset({"wiki"}), spaces=spaces)


def for_every_reader(check: Callable[[Library, Reader], None]) -> Callable[[Library], None]:
    """Make one test of a check, which names every reader for whom it fails."""

    def test(library: Library) -> None:
        each(enumerate(readers()), lambda reader: check(library, reader))

    test.__name__, test.__doc__ = check.__name__, check.__doc__
    return test


def request_for(reader: Reader, **fields: object) -> SearchRequest:
    wanted = {"question": Question(), "window": DOCUMENTS, "facet_size": DOCUMENTS, **fields}
    return SearchRequest(access_filter(reader), **wanted)  # type: ignore[arg-type]


def test_readers_differ(library: Library) -> None:
    """The draw is worth something: most readers read some documents, and none reads all."""
    sizes = [len(library.readable(reader)) for reader in readers()]
    assert sizes[0] == 0
    assert max(sizes) < DOCUMENTS * 0.9
    assert sum(size > 50 for size in sizes) > READERS / 2
    assert all(
        0 <= small <= whole for small, whole in zip(sizes[-LIMITED:], sizes[1:], strict=False)
    )


@for_every_reader
def test_browsing_counts_what_is_readable(library: Library, reader: Reader) -> None:
    """Ids, total and every facet are those of the readable documents, exactly."""
    readable = library.readable(reader)
    answer = library.index.search(request_for(reader))
    assert {ranked.document_id for ranked in answer.lexical} == readable
    every = tuple(secret.document_id for secret in library.secrets)
    assert shown_by_id(library.index, reader, every) == readable
    assert answer.total == len(readable)
    numbers = [int(document_id.partition(":")[2]) for document_id in readable]
    spaces = {value.value: value.count for value in answer.facets["space"]}
    assert spaces == {f"espace{number}": 1 for number in numbers}
    areas = {value.value: value.count for value in answer.facets["area"]}
    assert areas == Counter(f"{number % 7:02}" for number in numbers)


@for_every_reader
def test_words_and_vectors_find_what_is_readable(library: Library, reader: Reader) -> None:
    """A common word, and the nearest by vector, under the same rights."""
    readable = library.readable(reader)
    vector = ENCODER.queries(["cadastre"])[0]
    for asked in ({"question": Question("cadastre")}, {"vector": vector, "lexical": False}):
        answer = library.index.search(request_for(reader, **asked))
        ids = {ranked.document_id for ranked in (*answer.lexical, *answer.vector)}
        assert ids == readable
        assert answer.total == len(readable)


@for_every_reader
def test_a_secret_word_is_as_if_it_did_not_exist(library: Library, reader: Reader) -> None:
    """In search, phrases, filters, facets, suggestions and pages of results."""
    readable = library.readable(reader)
    draw = random.Random(5)
    hidden = [s for s in library.secrets if s.document_id not in readable]
    for secret in draw.sample(hidden, 6):
        access = access_filter(reader)
        for asked in (
            {"question": Question(secret.word)},
            {"question": Question(phrases=(secret.word,))},
            {"filters": {"space": (f"espace{secret.number}",)}},
        ):
            answer = library.index.search(request_for(reader, **asked))
            assert (answer.total, answer.lexical, answer.vector) == (0, (), ())
            assert not any(answer.facets.values())
        assert library.index.suggest(access, f"Titre{secret.number}x", 10) == ()
        shown = library.index.show(ShowRequest(access, (secret.document_id,), Question()))
        assert shown == ()
        assert library.index.read(access, secret.document_id) is None


@for_every_reader
def test_a_document_is_read_out_where_it_is_readable(library: Library, reader: Reader) -> None:
    """Opened with its relations and copies, by the very code that serves it."""
    readable = library.readable(reader)
    search = Search(library.index, ENCODER, AuthorsAreAgents())
    for secret in random.Random(6).sample(library.secrets, 12):
        opened = search.open(secret.document_id, "cadastre", reader, TODAY)
        assert (opened is not None) == (secret.document_id in readable)
        if opened:
            assert secret.word in opened.passages[0].text
            others = {one.document_id for one in opened.result.copies}
            assert others <= readable


@for_every_reader
def test_results_and_experts_rest_on_what_is_readable(library: Library, reader: Reader) -> None:
    """The page and the evidence, by the very code that serves them."""
    readable = library.readable(reader)
    book = AuthorsAreAgents()
    search = Search(library.index, ENCODER, book)
    results = search.answer(Query("cadastre commun", page_size=50), reader, TODAY)
    assert {result.card.document_id for result in results.results} <= readable
    assert results.found == len(readable)
    question = "cadastre commun"
    window = search.window_of(question, reader)
    nearest = find_experts(
        window, PeopleQuestion(question, reader_id=reader.agent_id, least=math.inf), book, TODAY
    ).nearest
    assert {ranked.card.document_id for ranked in nearest} <= readable
    experts = find_experts(
        window,
        PeopleQuestion(question, reader_id=reader.agent_id, limit=1000, least=NO_BAR),
        book,
        TODAY,
    )
    evidence = {e.document_id for c in experts.candidates for e in c.evidence}
    assert evidence <= readable
    assert bool(evidence) == bool(readable)
    allowed = {secret.account for secret in library.secrets if secret.document_id in readable}
    assert {candidate.agent.id for candidate in experts.candidates} <= allowed


@for_every_reader
def test_a_direct_answer_quotes_what_is_readable(library: Library, reader: Reader) -> None:
    """Whatever is asked, also by words and titles of others' documents; before others too.

    The models are made to quote always, so that each page of sentences is drawn.
    """
    readable, draw = library.readable(reader), random.Random(8)
    search = Search(library.index, ENCODER, AuthorsAreAgents())
    asked = [f"{one.word} Titre{one.number}x cadastre" for one in draw.sample(library.secrets, 6)]
    quoted = 0
    for question in ("cadastre commun", "combien vaut le plan", *asked):
        page = search.answer(Query(question, page_size=50), reader, TODAY)
        found = read_sentences(replace(page, features=(1.0,) * 8, few=False), TODAY).direct
        for quote in found.quotes if found else ():
            quoted += 1
            secret = library.secrets[int(quote.card.document_id.partition(":")[2])]
            assert secret.document_id in readable
            assert quote.author.name == secret.account.partition(":")[2] or quote.author.agent
            hidden = {one.word for one in library.secrets if one.document_id not in readable}
            assert hidden.isdisjoint(quote.text.replace(".", " ").split())
    assert bool(quoted) == bool(readable)


def test_changed_rights_hold_from_the_next_question(library: Library) -> None:
    """A document that is closed is gone from answers; evidence `none` never counts."""
    from indexer.values import PutAccess

    reader = Reader("a", frozenset({"everyone"}))
    secret = next(s for s in library.secrets if s.document_id in library.readable(reader))
    library.index.write([PutAccess(secret.document_id, Access())])
    assert library.index.search(request_for(reader, question=Question(secret.word))).total == 0
    assert library.index.read(access_filter(reader), secret.document_id) is None
    library.index.write([PutAccess(secret.document_id, secret.access)])
    assert library.index.search(request_for(reader, question=Question(secret.word))).total == 1
