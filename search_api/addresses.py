"""Addresses of pages, to share or return to."""

from dataclasses import dataclass
from urllib.parse import quote, unquote, urlencode, urlsplit

from connectors.values import Agent
from expertise.topics import Topic

QUESTION_SOURCE = "questions"
"""Id of the source whose documents are questions with their answers."""
ANSWER_ANCHOR = "reponse"
"""Anchor of the answering passage on a document's page."""
ANSWERS_ANCHOR = "reponses"
"""Anchor of the answers on a question's page."""


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
