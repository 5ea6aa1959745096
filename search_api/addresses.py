"""Addresses of pages. Each state of the search page has an address to share or return to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from connectors.values import Agent
from expertise.topics import Topic
from indexer.values import FACETS
from search_api.query.query import ResultOrder

QUESTION_SOURCE = "questions"
"""Id of the source whose documents are questions with their answers."""
ANSWER_ANCHOR = "reponse"
"""Anchor of the answering passage on a document's page."""
ANSWERS_ANCHOR = "reponses"
"""Anchor of the answers on a question's page."""


@dataclass(frozen=True, slots=True)
class SearchAddress:
    """A state of the search page: query, filters, page (from 1), order.

    `wide` also shows documents that are only near the query. `verified` only shows documents that
    an author confirmed.
    """

    q: str = ""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    page: int = 1
    order: ResultOrder = ResultOrder.RELEVANCE
    wide: bool = False
    verified: bool = False

    def __str__(self) -> str:
        pairs = [("q", self.q)] if self.q else []
        pairs += self.chosen + self.ordered
        pairs += [("wide", "1")] if self.wide else []
        pairs += [("verified", "1")] if self.verified else []
        pairs += [("page", str(self.page))] if self.page > 1 else []
        return f"/?{urlencode(pairs)}" if pairs else "/"

    @property
    def chosen(self) -> list[tuple[str, str]]:
        """The filters as (facet, value) pairs, in the order of the facets."""
        return [(name, value) for name in FACETS for value in self.filters.get(name, ())]

    @property
    def ordered(self) -> list[tuple[str, str]]:
        """The parameter of the order, if it is not the default."""
        return [] if self.order == ResultOrder.RELEVANCE else [("sort", str(self.order))]

    def has(self, facet: str, value: str) -> bool:
        """Return whether the search is filtered by this value."""
        return value in self.filters.get(facet, ())

    def narrowed(self, facet: str, value: str) -> "SearchAddress":
        """Return the first page, filtered by this value too."""
        kept = tuple(dict.fromkeys((*self.filters.get(facet, ()), value)))
        return self.but(filters={**self.filters, facet: kept})

    def widened(self, facet: str, value: str) -> "SearchAddress":
        """Return the first page, without this filter."""
        kept = tuple(one for one in self.filters.get(facet, ()) if one != value)
        return self.but(filters={**self.filters, facet: kept})

    def but(self, **changes: Any) -> "SearchAddress":
        """Return the same search with other fields: its first page, unless `page` is given."""
        return replace(self, **({"page": 1} | changes))

    def asking(self, q: str) -> "SearchAddress":
        """Return the first page of another query, with the same filters."""
        return self.but(q=q, wide=False)

    def showing(self, facet: str) -> str:
        """Return the address of the same page with every value of a facet."""
        pairs = [("q", self.q)] if self.q else []
        pairs += [("wide", "1")] if self.wide else []
        pairs += [("verified", "1")] if self.verified else []
        return f"/?{urlencode([*pairs, *self.chosen, *self.ordered, ('more', facet)])}"

    def as_typed(self) -> str:
        """Return the address of the same query without spelling correction."""
        pairs = [("q", self.q), *self.chosen, *self.ordered, ("as_typed", "1")]
        pairs += [("verified", "1")] if self.verified else []
        return f"/?{urlencode(pairs)}"

    def unfiltered(self) -> "SearchAddress":
        """Return the same query without filters."""
        return SearchAddress(self.q, order=self.order)


def experts_address(topic: str, area: str = "", *, as_typed: bool = False) -> str:
    """Return the address of the experts' page on a topic, in an area or everywhere."""
    pairs = {"q": topic, "area": area} if area else {"q": topic}
    return f"/experts?{urlencode({**pairs, 'as_typed': '1'} if as_typed else pairs)}"


def agent_address(agent: Agent, question: str = "") -> str:
    """Return the address of an agent's page, whose id may contain any character.

    `question` is the question for which the agent was proposed.
    """
    page = f"/agents/{quote(agent.id, safe='')}"
    return f"{page}?{urlencode({'q': question})}" if question.strip() else page


def topic_address(topic: Topic) -> str:
    """Return the address of a topic's page; an id of SKOS is itself an address."""
    return f"/topics/{quote(topic.id, safe=':')}"


def community_address(topic: Topic) -> str:
    """Return the address of the page of a topic's community."""
    return f"/communities/{quote(topic.id, safe=':')}"


def document_address(document_id: str, question: str = "") -> str:
    """Return the address of a document's page, at the passage that answers the question.

    The id may contain any character. A question that was asked here has its own kind of page.
    """
    page, anchor = f"/documents/{quote(document_id, safe=':')}", ANSWER_ANCHOR
    source, _, question_id = document_id.partition(":")
    if source == QUESTION_SOURCE:
        page, anchor = question_address(question_id), ANSWERS_ANCHOR
    return f"{page}?{urlencode({'q': question})}#{anchor}" if question.strip() else page


def document_of_address(written: str) -> str:
    """Return the document's id from its page's address or its id, as pasted by a person."""
    path = urlsplit(written.strip()).path
    if path.startswith("/questions/"):
        return question_document(path.removeprefix("/questions/"))
    if path.startswith("/documents/"):
        return unquote(path.removeprefix("/documents/"))
    return written.strip()


def question_document(question_id: str) -> str:
    """Return the id of a question's document."""
    return f"{QUESTION_SOURCE}:{question_id}"


def question_address(question_id: str) -> str:
    """Return the address of the page of a question to experts."""
    return f"/questions/{quote(question_id, safe='')}"


def new_question_address(
    question: str = "",
    agent_id: str = "",
    community: str = "",
    metier: str = "",
    topic: str = "",
    text: str = "",
) -> str:
    """Return the address of the form for a question, with the query and a first recipient.

    `community`: the topic of the community to ask. `metier`: the id of the métier whose holders to
    ask. `topic`: the id of the question's topic. `text`: the details of the question.
    """
    pairs = {"q": question, "to": agent_id, "community": community, "metier": metier}
    pairs |= {"topic": topic, "text": text}
    said = urlencode({name: value for name, value in pairs.items() if value})
    return f"/questions/new?{said}" if said else "/questions/new"


def original_address(document_id: str) -> str:
    """Return the address of the file of a document in a folder."""
    return f"{document_address(document_id)}/original"


def demo_original_address(document_id: str) -> str:
    """Return the address of the demo's page in place of a source that does not exist."""
    return f"/demo/originals/{quote(document_id, safe=':')}"


@dataclass(frozen=True, slots=True)
class QuestionMail:
    """A prepared message to a colleague: the question and the address of its page."""

    question: str
    page: str

    def to(self, address: str, *, asked: bool = True) -> str:
        """Return the `mailto:` link; `asked` is false if the query only names the colleague."""
        subject = f"Question\u00a0: {self.question}" if asked else "Une question"
        body = "Bonjour,\r\n\r\n"
        if asked:
            body += f"{self.question}\r\n\r\nCe que j’ai trouvé\u00a0: {self.page}\r\n"
        said = urlencode({"subject": subject, "body": body}, quote_via=quote)
        return f"mailto:{quote(address, safe='@+')}?{said}"


def local_path(back: str) -> str:
    """Return the path if it stays on this site, else `/`.

    Browsers read two slashes, or a backslash as a slash, as the name of another site.
    """
    stays = back.startswith("/") and not back.startswith("//") and "\\" not in back
    return back if stays and back.isprintable() else "/"


def sign_on_address(back: str) -> str:
    """Return the address that signs a reader on and returns them to `back`."""
    return f"/sign-on?{urlencode({'back': back})}"
