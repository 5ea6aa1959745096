"""The tools of assistants. Each tool returns the same as the API, and changes nothing.

Read `call_tool` first. Documents that the reader may not read, or that their token does not open,
count as missing.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.access import Reader
from quisait_mcp.storage import SqlAssistantCalls
from search_api.addresses import document_address, document_of_address, new_question_address
from search_api.bodies import Joined
from search_api.context import AnswerContext, InvalidParameter
from search_api.documents.schemas import OpenedDocumentBody, PartBody
from search_api.documents.service import document_answer
from search_api.limits import RateLimiter, RequesterKind
from search_api.people.service import MOST_CARDS
from search_api.query.query import Query
from search_api.questions.asking import NewQuestion, asking_form
from search_api.questions.schemas import ExistingAnswersBody, RecipientsBody
from search_api.questions.values import MOST_TITLE
from search_api.search.filters import require_known_filters
from search_api.search.responses import experts_answer, search_answer
from search_api.search.service import answer_question, who_knows
from search_api.sign_on.sessions import SqlPersonalTokens
from search_api.wording import ROLES, in_force, safe_text

Body: TypeAlias = dict[str, Any]

MOST_QUESTION = 4_000
"""Maximum length of a question and of a document's id, in characters."""
READ_CHARS = 20_000
"""Number of characters of a document that one call returns, so that several answers fit into a
model's window.
"""
RESOURCE = "quisait://documents/"
"""Beginning of a document's URI; its id follows, percent-encoded."""


@dataclass(frozen=True, slots=True)
class Assistants:
    """Dependencies of assistants. `tokens` is None if no personal tokens are allowed.

    `reader_of` returns what an agent may read now. `kept_days`: how long calls are stored.
    `audience`: the audience of accepted access tokens of the provider; empty if none are accepted.
    `per_minute`: number of calls by one token; 0 means no limit.
    """

    tokens: SqlPersonalTokens | None
    calls: SqlAssistantCalls
    reader_of: Callable[[str], Reader]
    kept_days: int
    audience: str = ""
    per_minute: int = 0
    limiter: RateLimiter = field(init=False)

    def __post_init__(self) -> None:
        limiter = RateLimiter({RequesterKind.TOKEN: self.per_minute})
        object.__setattr__(self, "limiter", limiter)


@dataclass(frozen=True, slots=True)
class AssistantReader:
    """The agent in whose name an assistant asks, with the limits of its token.

    `token` identifies the token in rate limits, `label` is its name for the agent. `site`: this
    site's origin, before the paths of pages.
    """

    reader: Reader
    token: str
    label: str
    site: str

    @property
    def agent_id(self) -> str:
        """The agent's id; empty for a reader without one."""
        return self.reader.agent_id or ""


class Arguments(BaseModel):
    """Arguments of a tool; the descriptions are read by models, and by people in errors."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class SearchArguments(Arguments):
    """Arguments of `search`."""

    query: str = Field(
        min_length=1,
        max_length=MOST_QUESTION,
        description="la question ou les mots cherchés, en français",
    )
    k: int = Field(5, ge=1, le=20, description="un nombre de documents, de 1 à 20")
    page: int = Field(1, ge=1, le=100, description="une page de résultats, de 1 à 100")
    sources: list[str] = Field(
        [], max_length=100, description="une liste de sources : ne chercher que là"
    )
    spaces: list[str] = Field(
        [], max_length=100, description="une liste d’espaces : ne chercher que là"
    )


class ReadArguments(Arguments):
    """Arguments of `read_document`."""

    document: str = Field(
        min_length=1,
        max_length=MOST_QUESTION,
        description="l’identifiant (« id ») ou l’adresse (« page ») d’un document trouvé",
    )
    start: int = Field(
        0,
        ge=0,
        le=2**31,
        description="le nombre « following » de la réponse précédente, pour lire la suite",
    )


class WhoArguments(Arguments):
    """Arguments of `who_knows`."""

    query: str = Field(
        min_length=1,
        max_length=MOST_QUESTION,
        description="le sujet ou la question sur lesquels quelqu’un pourrait répondre",
    )
    k: int = Field(5, ge=1, le=20, description="un nombre de personnes, de 1 à 20")


class QuestionArguments(Arguments):
    """Arguments of `prepare_question`."""

    title: str = Field(
        min_length=1,
        max_length=MOST_TITLE,
        description=f"la question en une phrase, de {MOST_TITLE} signes au plus",
    )
    text: str = Field(
        "", max_length=MOST_QUESTION, description=f"les détails, {MOST_QUESTION} signes au plus"
    )


def _search(context: AnswerContext, asking: AssistantReader, asked: SearchArguments) -> Body:
    chosen = {"source": tuple(asked.sources), "space": tuple(asked.spaces)}
    filters = {name: values for name, values in chosen.items() if values}
    require_known_filters(context, asking.reader, filters)
    query = Query(asked.query, filters, asked.page, asked.k)
    found = answer_question(context, asking.reader, query, candidates=MOST_CARDS)
    body = search_answer(found, context.today()).model_dump(mode="json")
    for document in body["documents"]:
        document["page"] = asking.site + document["page"]
    return body


def _read(context: AnswerContext, asking: AssistantReader, asked: ReadArguments) -> Body:
    opened = _opened(context, asking, asked.document)
    text, body = _text(opened), opened.model_dump(mode="json", exclude={"parts"})
    end = asked.start + READ_CHARS
    return body | {
        "page": asking.site + document_address(opened.id),
        "text": text[asked.start : end],
        "following": end if end < len(text) else None,
    }


def _who_knows(context: AnswerContext, asking: AssistantReader, asked: WhoArguments) -> Body:
    found = who_knows(context, asking.reader, Query(asked.query), limit=asked.k)
    return experts_answer(found).model_dump(mode="json")


def _prepare(context: AnswerContext, asking: AssistantReader, asked: QuestionArguments) -> Body:
    form = asking_form(context, asking.reader, NewQuestion(asked.title, asked.text))
    existing = {"existing": form.existing, "topic_id": form.new.topic_id}
    title, text = safe_text(asked.title), safe_text(asked.text)
    path = new_question_address(title, topic=form.new.topic_id, text=text)
    return {
        "sent": False,
        "title": title,
        "text": text,
        "form": asking.site + path,
        **ExistingAnswersBody.model_validate(existing).model_dump(mode="json"),
        **RecipientsBody.model_validate({"recipients": form.recipients}).model_dump(mode="json"),
    }


@dataclass(frozen=True, slots=True)
class AssistantTool:
    """A tool: its French description for models, its arguments and its function."""

    title: str
    description: str
    arguments: type[Arguments]
    run: Callable[[AnswerContext, AssistantReader, Any], Body]


TOOLS: Mapping[str, AssistantTool] = {
    "search": AssistantTool(
        "Chercher des documents",
        "Cherche parmi les documents internes que l’agent peut lire. Rend des documents avec leur "
        "passage qui répond, leurs auteurs, leur date, et s’ils sont en vigueur (« valid »). "
        "« answered » faux : aucun document ne répond, ceux-là sont seulement proches. "
        "« people » : qui sait ; « near_subject » : qui pourrait seulement orienter. Citez "
        "« title » et « page ».",
        SearchArguments,
        _search,
    ),
    "read_document": AssistantTool(
        "Lire un document",
        "Rend le texte d’un document trouvé par « search ». Un long texte vient en plusieurs fois.",
        ReadArguments,
        _read,
    ),
    "who_knows": AssistantTool(
        "Trouver qui sait",
        "Trouve les collègues qui savent (« candidates »), avec les documents qui le montrent "
        "(« evidence »). Sans personne dans cette liste, personne n’est connu avec certitude : "
        "dites-le, et n’inventez personne. « near » : des collègues dont les documents ne sont que "
        "proches du sujet ; ils pourraient orienter, mais ne les présentez pas comme sachant. "
        "« stated » : d’après l’annuaire seul.",
        WhoArguments,
        _who_knows,
    ),
    "prepare_question": AssistantTool(
        "Préparer une question à des collègues",
        "Prépare une question, et n’envoie rien. Rend l’adresse (« form ») d’un formulaire rempli, "
        "que l’agent relit et envoie lui-même, les collègues à qui elle irait, et des documents "
        "qui répondent peut-être déjà. Donnez cette adresse à l’agent.",
        QuestionArguments,
        _prepare,
    ),
}


def call_tool(
    context: AnswerContext,
    calls: SqlAssistantCalls,
    asking: AssistantReader,
    name: str,
    arguments: Mapping[str, Any],
) -> Body:
    """Note the call for its agent, run the tool and return its answer, a JSON object.

    Raises `InvalidParameter` for an unknown tool or wrong arguments, and the errors of the answer.
    """
    tool = TOOLS.get(name)
    if tool is None:
        raise InvalidParameter(f"Cet outil n’existe pas. Ceux-ci existent : {', '.join(TOOLS)}.")
    try:
        asked = tool.arguments.model_validate(dict(arguments))
    except ValidationError as error:
        raise InvalidParameter(_fault(tool.arguments, error)) from None
    calls.note(asking.agent_id, name, asking.label)
    return tool.run(_limited(context, asking.reader), asking, asked)


def read_resource(
    context: AnswerContext, calls: SqlAssistantCalls, asking: AssistantReader, uri: str
) -> str:
    """Note the call and return the whole text of a document. Raises `NotFound`."""
    calls.note(asking.agent_id, "read_document", asking.label)
    return _text(_opened(_limited(context, asking.reader), asking, uri))


def readable_places(context: AnswerContext, reader: Reader) -> Mapping[str, Collection[str]]:
    """Return the `source` and `space` names of documents that the reader may read, most first."""
    facets = context.search.answer(Query("", page_size=1), reader, context.today()).facets
    return {name: [one.value for one in facets.get(name, ()) if one.value] for name in _PLACES}


_PLACES = ("source", "space")


def _limited(context: AnswerContext, reader: Reader) -> AnswerContext:
    """Return the context, without the published build for a limited reader.

    The holders of topics were computed from documents that the token may not open.
    """
    return replace(context, overview=None) if reader.limited else context


def _opened(context: AnswerContext, asking: AssistantReader, written: str) -> OpenedDocumentBody:
    uri = written.startswith(RESOURCE)
    id_ = unquote(written.removeprefix(RESOURCE)) if uri else document_of_address(written)
    found = document_answer(context, asking.reader, id_)
    valid = in_force(found.result.card, context.today())
    return OpenedDocumentBody.model_validate(Joined(found, valid=valid))


def _text(opened: OpenedDocumentBody) -> str:
    """Return the text as Markdown: title, headings with their place, names in a conversation."""
    return "\n\n".join([f"# {opened.title}", *map(_part, opened.parts)])


def _part(part: PartBody) -> str:
    author = f"{part.author.name} ({ROLES[part.author.role]})" if part.author else ""
    head = " — ".join(filter(None, (part.heading, part.path, part.place, author)))
    return "\n\n".join([*([f"## {head}"] if head else []), *(one.text for one in part.paragraphs)])


def _fault(arguments: type[Arguments], error: ValidationError) -> str:
    """Return a sentence that names the first wrong argument, and never repeats its value."""
    known = arguments.model_fields
    wrong = [str(one["loc"][0]) for one in error.errors(include_input=False, include_url=False)]
    name = next((one for one in wrong if one not in known), wrong[0])
    if name not in known:
        return f"« {name[:40]} » n’est pas attendu. Ce qui l’est : {', '.join(known)}."
    return f"« {name} » ne convient pas : donnez {known[name].description}."
