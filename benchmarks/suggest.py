"""Time of suggestions and corrections: `python -m benchmarks.suggest [DOCUMENTS] [ENGINE…]`.

Titles, names and topics are typed letter by letter, over 100 000 documents by default and a tenth
as many agents. Prints milliseconds per letter, and for near words, which are requested once a
question has been sent. Readers vary, so that no answer comes from another reader's cache.
"""

import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.access_change import engine, unit_vectors
from connectors.values import EVERYONE, Access, Agent, Document
from expertise.directory import SqlDirectory
from indexer.access import AccessFilter, Reader, access_filter
from indexer.ports import Index
from indexer.values import IndexedDocument, Passage, Put
from quisait.application.database import connect, migrate
from search_api.search.suggestions import PEOPLE, TITLES, TOPICS, labels_starting_with
from tests.pages.administration import TODAY

DOCUMENTS = 100_000
MOST_MS = 30.0
TOPICS_KNOWN = 3_000
TYPED = 40
"""Number of texts that are typed letter by letter."""
MISTYPED = 60
GROUPS = 50
SYLLABLES = "ta re mi con fis dé ra ti on pro cé du im pô lé gu ca das tre ex é so lu ver".split()  # noqa: SIM905

Ask = Callable[[str, AccessFilter], object]


@dataclass(frozen=True, slots=True)
class Names:
    """A directory of invented people."""

    people: tuple[Agent, ...]

    def entries(self) -> Iterator[Agent]:
        """Yield all agents."""
        return iter(self.people)


class Words:
    """Words with the frequencies of a language: a few are common, most are rare."""

    def __init__(self, draw: random.Random, count: int) -> None:
        self._draw = draw
        self.all = sorted(
            {"".join(draw.choices(SYLLABLES, k=draw.randint(2, 5))) for _ in range(count)}
        )
        draw.shuffle(self.all)
        self._weights = list(np.cumsum(1 / np.arange(1, len(self.all) + 1)))

    def some(self, count: int) -> str:
        """Return that many words."""
        return " ".join(self._draw.choices(self.all, cum_weights=self._weights, k=count))


def documents(words: Words, draw: random.Random, count: int) -> Iterator[Put]:
    """Yield documents with a title of three to nine words and one passage of forty words."""
    for number in range(count):
        group = f"ldap:group:{draw.randrange(GROUPS)}"
        access = Access(frozenset({EVERYONE if draw.random() < 0.7 else group}))
        title = words.some(draw.randint(3, 9)).capitalize()
        kept = Document(f"bench:{number}", "bench", title=title, access=access, space=group)
        passage = (Passage(words.some(40)),)
        vectors = unit_vectors(np.random.default_rng(number), 1)
        yield Put(IndexedDocument(kept, passage, vectors, "c", "r"))


def fill(index: Index, puts: Iterator[Put]) -> list[str]:
    """Write in batches; return the titles."""
    titles, batch = [], []
    for put in puts:
        titles.append(put.indexed.document.title)
        batch.append(put)
        if len(batch) == 2_000:
            assert not index.write(batch).failed  # noqa: S101 a refused write is not usable
            batch = []
    index.write(batch)
    return titles


def agents(
    words: Words,
    draw: random.Random,
    count: int,
    account: Callable[[int], str] | None = None,
) -> Names:
    """Return agents with few given names and many family names; `account` names their accounts."""
    given = [word.capitalize() for word in words.all[:300]]
    return Names(
        tuple(
            Agent(
                f"ag-{number}",
                draw.choice(given),
                draw.choice(words.all).capitalize(),
                office=words.all[number % 400].capitalize(),
                entity="Direction",
                accounts=(account(number),) if account else (),
            )
            for number in range(count)
        )
    )


def reader(draw: random.Random) -> AccessFilter:
    """Return the filter of a reader of everyone's documents and of five groups' documents."""
    groups = {f"ldap:group:{number}" for number in draw.sample(range(GROUPS), 5)}
    return access_filter(Reader("a", frozenset({EVERYONE, "agent:a", *groups})))


def letter_by_letter(texts: list[str], longest: int = 25) -> list[str]:
    """Return every beginning of each text."""
    return [text[:end] for text in texts for end in range(1, min(len(text), longest) + 1)]


def mistyped(words: Words, draw: random.Random, count: int) -> list[str]:
    """Return words with one letter left out."""
    some = [word for word in draw.sample(words.all, count * 3) if len(word) > 5][:count]
    return [word[:2] + word[3:] for word in some]


def measure(what: str, asked: list[str], ask: Ask) -> float:
    """Print p50, p95 and maximum in milliseconds; return p95."""
    draw, taken = random.Random(1), []
    for text in asked[:50]:
        ask(text, reader(draw))
    for text in asked:
        access = reader(draw)
        begun = time.perf_counter()
        ask(text, access)
        taken.append(1000 * (time.perf_counter() - begun))
    p50, p95 = np.percentile(taken, [50, 95])
    print(f"{what:36} p50 {p50:7.1f} ms   p95 {p95:7.1f} ms   max {max(taken):7.1f} ms", flush=True)
    return float(p95)


def titles(name: str, count: int, words: Words) -> float:
    """Measure one engine's part of a suggestion; return p95."""
    draw = random.Random(2)
    with engine(name) as index:
        typed = letter_by_letter(draw.sample(fill(index, documents(words, draw, count)), TYPED))
        p95 = measure(f"{name}: titles", typed, lambda q, access: index.suggest(access, q, TITLES))
        wrong = mistyped(words, draw, MISTYPED)
        measure(f"{name}: near words", wrong, lambda q, access: index.near_words(access, [q]))
    return p95


def directory(count: int, words: Words) -> float:
    """Measure people and topics, the same for both engines; return the sum of both p95."""
    draw = random.Random(3)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        database = migrate(connect(f"sqlite:///{Path(folder) / 'state.sqlite'}"))
        stack.callback(database.dispose)
        book, names = SqlDirectory(database), agents(words, draw, count)
        book.replace(names)
        typed = letter_by_letter([person.name for person in draw.sample(names.people, TYPED)])
        people = measure("people", typed, lambda q, _: book.begun(q, TODAY, PEOPLE))
        wrong = mistyped(words, draw, MISTYPED)
        measure("near names", wrong, lambda q, _: book.near(q, TODAY))
        labels = tuple((f"t{n}", words.some(3)) for n in range(TOPICS_KNOWN))
        typed = letter_by_letter([label for _, label in labels[:TYPED]])
        return people + measure(
            "topics", typed, lambda q, _: labels_starting_with(labels, q, TOPICS)
        )


def main(arguments: list[str]) -> None:
    """Measure; fail if a letter's p95 is above `MOST_MS`."""
    count = next((int(argument) for argument in arguments if argument.isdigit()), DOCUMENTS)
    engines = [argument for argument in arguments if not argument.isdigit()] or [
        "embedded",
        "opensearch",
    ]
    words = Words(random.Random(0), 30_000)
    beside = directory(max(100, count // 10), words)
    slow = [name for name in engines if titles(name, count, words) + beside > MOST_MS]
    if slow:
        raise SystemExit(
            f"More than {MOST_MS:.0f} ms a letter (p95 of titles, people and topics): {slow}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
