"""No id, no word and no name of an unreadable document reaches a language model.

Readers, questions and documents are drawn; a server of a model records what it is sent.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import pytest
from quisait_written_answer.model import ModelServer
from quisait_written_answer.schemas import AskedAnswerBody
from quisait_written_answer.service import chosen_answer
from quisait_written_answer.values import ChosenAnswer, Writing, WritingRules

from connectors.values import EVERYONE, Access, Agent, EvidencePolicy
from expertise.directory import SqlDirectory
from indexer.access import Reader
from indexer.ports import Index
from indexer.values import Passage, Put
from search_api.context import AnswerContext
from search_api.engine import Search
from tests.builders import ENCODER, indexed, make_document
from tests.judging import engine_index
from tests.made_site import agent_book
from tests.model_server import ModelServer as Server
from tests.model_server import model_server
from tests.oracle import knowing, may_read, shown_by_id
from tests.own_loop import run_apart
from tests.property.test_no_leak import UNKNOWN, random_access, random_reader

pytestmark = pytest.mark.trust

DOCUMENTS, READERS, TODAY = 300, 25, date(2026, 10, 1)
SOURCES, SPACES = ("wiki", "dossier", "autre"), ("bleu", "vert")
SUBJECTS = ("cadastre", "régie", "dégrèvement", "congé bonifié", "astreinte")
ASKER = Agent("ag-77", "Maëlle", "Guivarc'h", "", email="maelle.guivarch@exemple.fr")
NAMED = ("maëlle", "guivarc", "ag-77", "exemple.fr")


@dataclass(frozen=True)
class Secret:
    """A document with a word of its own in title, heading and text."""

    number: int
    source: str
    space: str
    subject: str
    access: Access
    evidence: EvidencePolicy

    @property
    def document_id(self) -> str:
        return f"{self.source}:{self.number}"

    @property
    def word(self) -> str:
        return f"secret{self.number}x"

    def put(self) -> Put:
        document = make_document(
            self.document_id,
            title=f"{self.subject} {self.word}",
            access=self.access,
            space=self.space,
            evidence=self.evidence,
        )
        text = f"La note sur {self.subject} précise {self.word} aux agents du service."
        return Put(indexed(document, passages=(Passage(text, f"Partie {self.word}"),)))

    def may_be_sent(self, reader: Reader, rules: WritingRules) -> bool:
        anybody = replace(reader, principals=frozenset({EVERYONE}))
        opened = rules.restricted or self.may_be_read(anybody)
        named = self.source in rules.sources and (not rules.spaces or self.space in rules.spaces)
        told = self.evidence is not EvidencePolicy.NONE
        return self.may_be_read(reader) and opened and named and told

    def may_be_read(self, reader: Reader) -> bool:
        return may_read(reader, self.access, self.source, self.space, UNKNOWN)


def drawn_secrets() -> list[Secret]:
    draw = random.Random(11)
    policies = list(EvidencePolicy)
    return [
        Secret(
            number,
            draw.choice(SOURCES),
            draw.choice(SPACES),
            draw.choice(SUBJECTS),
            random_access(draw),
            draw.choice([EvidencePolicy.YES, *policies]),
        )
        for number in range(DOCUMENTS)
    ]


@pytest.fixture(scope="module", params=["embedded", "opensearch"])
def index(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("index")
    with engine_index(request.param, folder, ENCODER.dimension) as made:
        assert not made.write([one.put() for one in drawn_secrets()]).failed
        yield knowing(made, UNKNOWN)


def drawn_rules(draw: random.Random) -> WritingRules:
    return WritingRules(
        sources=frozenset(draw.sample(SOURCES, draw.randint(1, 2))),
        spaces=frozenset(draw.sample(SPACES, draw.randint(0, 1))),
        restricted=draw.random() < 0.5,
        passages=30,
    )


def limited(reader: Reader, draw: random.Random) -> Reader:
    """Return the reader with the limits of a drawn token, or with none."""
    sources = draw.choice([None, None, frozenset(draw.sample(SOURCES, 2))])
    spaces = draw.choice([None, None, frozenset({"bleu"})])
    return replace(reader, sources=sources, spaces=spaces)


def drawn_question(draw: random.Random) -> AskedAnswerBody:
    own = draw.choice(["", "Maëlle Guivarc'h, ", "GUIVARC'H Maëlle : ", "je suis ag-77 ; "])
    secret = draw.choice(["", f" secret{draw.randrange(DOCUMENTS)}x"])
    said = f"{own}note sur {draw.choice(SUBJECTS)}{secret}"
    return AskedAnswerBody(q=said)


def test_a_model_is_sent_what_may_be_read_and_sent(
    index: Index, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of drawn readers, questions, settings and documents; the asker is named in none of it."""
    folder = tmp_path_factory.mktemp("state")
    draw, secrets, sent_words = random.Random(12), drawn_secrets(), 0
    with model_server() as server, agent_book(folder, ASKER) as book:
        for _ in range(READERS):
            reader = limited(replace(random_reader(draw), agent_id=ASKER.id), draw)
            rules, asked = drawn_rules(draw), drawn_question(draw)
            shown = shown_by_id(index, reader, (one.document_id for one in secrets))
            assert shown == {one.document_id for one in secrets if one.may_be_read(reader)}
            before = len(server.sent)
            found = run_apart(answered(index, book, server, reader, rules, asked))
            quoted = {one.passage.card.document_id for one in found.quotes}
            assert quoted <= {one.document_id for one in secrets if one.may_be_sent(reader, rules)}
            texts = "\n".join(server.texts[before:])
            told = {one.word for one in secrets if one.word in texts and one.word not in asked.q}
            allowed = {one.word for one in secrets if one.may_be_sent(reader, rules)}
            assert told <= allowed
            raw = "\n".join(server.sent[before:]).lower()
            assert [name for name in NAMED if name in raw] == []
            sent_words += len(told)
    assert sent_words > READERS, "else the check above looked at nothing"


async def answered(
    index: Index,
    book: SqlDirectory,
    server: Server,
    reader: Reader,
    rules: WritingRules,
    asked: AskedAnswerBody,
) -> ChosenAnswer:
    present = replace(reader, sources=None, spaces=None)
    writing = Writing(ModelServer(server.url, "petit"), rules, lambda _: present)
    search = Search(index, ENCODER, book)
    context = AnswerContext(search, book, today=lambda: TODAY)
    return await chosen_answer(context, writing, reader, asked)
