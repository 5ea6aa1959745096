"""Suggestions while typing: titles, topics and people. Read `suggested` first."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import quote

from indexer.access import Reader
from indexer.french.analysis import folded_words
from search_api.addresses import agent_address, document_address
from search_api.context import AnswerContext
from search_api.query.query import read_prefix
from search_api.wording import safe_text

TITLES, TOPICS, PEOPLE = 8, 3, 3
"""Maximum number of suggestions of each kind."""

Labels = tuple[tuple[str, str], ...]
"""(topic id, label) pairs."""


class SuggestionKind(StrEnum):
    """Kind of suggestion."""

    TITLE = "title"
    TOPIC = "topic"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class SuggestedLink:
    """A title, a topic's label or a name, and the page of this site that it links to.

    `document_id` is empty except for titles. `past`: the document is not in force any more.
    """

    kind: SuggestionKind
    text: str
    address: str
    document_id: str = ""
    past: bool = False


def suggested(context: AnswerContext, reader: Reader, prefix: str) -> tuple[SuggestedLink, ...]:
    """Return titles that the reader may read, then topics, then listed agents in post.

    Returns nothing for a reader without an agent. Raises `IndexUnreachable`.
    """
    typed = read_prefix(prefix)
    if reader.agent_id is None or not folded_words(typed):
        return ()
    titles = context.search.suggest(typed, reader, TITLES)
    past = context.search.past([one.document_id for one in titles], reader, context.today())
    people = context.people.begun(typed, context.today(), PEOPLE)
    return (
        *(
            SuggestedLink(
                SuggestionKind.TITLE,
                safe_text(one.title),
                document_address(one.document_id),
                one.document_id,
                past=one.document_id in past,
            )
            for one in titles
        ),
        *_topic_links(context, typed),
        *(
            SuggestedLink(SuggestionKind.PERSON, safe_text(one.name), agent_address(one))
            for one in people
        ),
    )


def _topic_links(context: AnswerContext, typed: str) -> list[SuggestedLink]:
    """Return topics of the published list; none without a build."""
    labels = tuple((one.id, one.label) for one in context.listed_topics())
    return [
        SuggestedLink(
            SuggestionKind.TOPIC, safe_text(label), f"/topics/{quote(topic_id, safe=':')}"
        )
        for topic_id, label in labels_starting_with(labels, typed, TOPICS)
    ]


def labels_starting_with(labels: Labels, typed: str, limit: int) -> Sequence[tuple[str, str]]:
    """Return labels with all typed words, the last one as a prefix; short labels first."""
    *whole, beginning = folded_words(typed) or [""]
    if not beginning:
        return []
    words, of_label = _words_of(labels)
    found = set()
    at = bisect_left(words, (beginning, -1))
    while at < len(words) and words[at][0].startswith(beginning):
        if of_label[words[at][1]].issuperset(whole):
            found.add(labels[words[at][1]])
        at += 1
    return sorted(found, key=lambda one: (len(one[1]), one[1], one[0]))[:limit]


@lru_cache(maxsize=2)
def _words_of(labels: Labels) -> tuple[list[tuple[str, int]], list[frozenset[str]]]:
    """Return (sorted pairs of word and label number, the set of words of each label)."""
    of_label = [frozenset(folded_words(label)) for _, label in labels]
    return sorted((word, n) for n, words in enumerate(of_label) for word in words), of_label
