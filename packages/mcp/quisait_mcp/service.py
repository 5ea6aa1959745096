"""The tools of assistants. Each tool returns the same as the API, and changes nothing.

Read `call_tool` first. Documents that the reader may not read, or that their token does not open,
count as missing.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.access import Reader
from quisait_mcp.bodies import (
    AnswerPart,
    DraftAnswer,
    ReadAnswer,
    SearchAnswer,
    WhoAnswer,
    french_only,
)
from quisait_mcp.storage import SqlAssistantCalls
from search_api.addresses import document_of_address, new_question_address
from search_api.bodies import Joined
from search_api.context import AnswerContext, InvalidParameter
from search_api.documents.schemas import OpenedDocumentBody, PartBody
from search_api.documents.service import document_answer
from search_api.limits import RateLimiter, RequesterKind
from search_api.people.service import MOST_CARDS
from search_api.query.query import QUERY_CHARACTERS, TYPED_WORDS, Query, ResultOrder, typed_text
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

    model_config = ConfigDict(
        extra="forbid", str_strip_whitespace=True, json_schema_extra=french_only
    )


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
    kinds: list[str] = Field(
        [], max_length=100, description="une liste de natures (« kind » d’un document trouvé)"
    )
    areas: list[str] = Field(
        [], max_length=100, description="une liste de départements, comme 22 ou 2A"
    )
    since: date | None = Field(
        None, description="un jour (AAAA-MM-JJ) : modifiés ce jour-là ou après"
    )
    before: date | None = Field(None, description="un jour (AAAA-MM-JJ) : modifiés avant lui")
    verified: bool = Field(
        False, description="true : seulement ce qu’un auteur a dit juste, et qui n’a pas changé"
    )
    sort: Literal["relevance", "date"] = Field(
        "relevance", description="« relevance », ou « date » : les plus récents d’abord"
    )
    include: list[Literal["people", "facets", "why"]] = Field(
        [],
        max_length=3,
        description="une liste de ce qui s’ajoute : « people » (qui sait), « facets » (nombres de "
        "documents par valeur), « why » (raisons du rang)",
    )


class ReadArguments(Arguments):
    """Arguments of `read_document`."""

    document: str = Field(
        min_length=1,
        max_length=MOST_QUESTION,
        description="l’identifiant (« id ») d’un document, ou l’adresse de sa page sur ce site",
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
    area: str = Field(
        "",
        max_length=10,
        description="un département (22) ou une région (r53) : n’y chercher que là",
    )


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
    chosen = {
        name: tuple(getattr(asked, f"{name}s")) for name in ("source", "space", "kind", "area")
    }
    filters = {name: values for name, values in chosen.items() if values}
    require_known_filters(context, asking.reader, filters)
    people, facets = "people" in asked.include, "facets" in asked.include
    order = ResultOrder(asked.sort)
    query = Query(_dated(asked), filters, asked.page, asked.k, order, verified=asked.verified)
    candidates = MOST_CARDS if people else 0
    found = answer_question(context, asking.reader, query, candidates=candidates)
    answer = search_answer(found, context.today(), explain="why" in asked.include)
    left_out: Body = {} if people else {"people": [], "near_subject": []}
    left_out |= {} if facets else {"facets": {}}
    return _json(SearchAnswer, Joined(answer, **left_out), asking)


def _dated(asked: SearchArguments) -> str:
    """Return the query after operators for its dates. Raises `InvalidParameter` if too long."""
    days = {"depuis": asked.since, "avant": asked.before}
    operators = [f"{name}:{day}" for name, day in days.items() if day]
    text = " ".join((*operators, asked.query))
    if operators and not typed_text(text):
        raise InvalidParameter(
            f"« since » et « before » demandent une question plus courte : {TYPED_WORDS} mots au "
            "plus avec eux."
        )
    return text


def _read(context: AnswerContext, asking: AssistantReader, asked: ReadArguments) -> Body:
    opened = _opened(context, asking, asked.document)
    text = _text(opened)
    end = asked.start + READ_CHARS
    following = end if end < len(text) else None
    page = Joined(opened, text=text[asked.start : end], following=following)
    return _json(ReadAnswer, page, asking)


def _who_knows(context: AnswerContext, asking: AssistantReader, asked: WhoArguments) -> Body:
    query = Query(asked.query)
    found = who_knows(context, asking.reader, query, area=asked.area, limit=asked.k)
    return _json(WhoAnswer, experts_answer(found), asking)


def _prepare(context: AnswerContext, asking: AssistantReader, asked: QuestionArguments) -> Body:
    form = asking_form(context, asking.reader, NewQuestion(asked.title, asked.text))
    topic_id, title, text = form.new.topic_id, safe_text(asked.title), safe_text(asked.text)
    draft = Joined(
        ExistingAnswersBody.model_validate({"existing": form.existing, "topic_id": topic_id}),
        RecipientsBody.model_validate({"recipients": form.recipients}),
        sent=False,
        title=title,
        text=text,
        form=asking.site + new_question_address(title, topic=topic_id, text=text),
    )
    return _json(DraftAnswer, draft, asking)


def _json(form: type[AnswerPart], answer: object, asking: AssistantReader) -> Body:
    """Return the answer in the tool's form, with absolute addresses, as a JSON object."""
    return form.model_validate(answer, context={"site": asking.site}).model_dump(mode="json")


@dataclass(frozen=True, slots=True)
class AssistantTool:
    """A tool: its French description for models, its arguments, its answer and its function."""

    title: str
    description: str
    arguments: type[Arguments]
    answer: type[AnswerPart]
    run: Callable[[AnswerContext, AssistantReader, Any], Body]


_QUESTION = (
    f"« query » : {MOST_QUESTION} caractères au plus, dont {QUERY_CHARACTERS} sont lus. "
    f'Opérateurs, jusqu’à {TYPED_WORDS} mots : "phrase exacte", -exclu, a OU b, auteur:"X Y", '
    "entité:…, type:…, source:…, espace:…, depuis:2024, avant:2024-06-30. "
)
_DEGREES = (
    "« degree » : answered (a répondu à cette question), neighbour (à une question voisine), wrote "
    "(a écrit sur le sujet), near (en est seulement proche). Ne nommez jamais comme sachant une "
    "personne de degré near ou que « sure » dit faux. "
)

TOOLS: Mapping[str, AssistantTool] = {
    "search": AssistantTool(
        "Chercher des documents",
        "Cherche parmi les documents internes que l’agent peut lire. Rend des documents avec leur "
        "passage qui répond, leurs auteurs, leur date, et s’ils sont en vigueur (« valid »). "
        + _QUESTION
        + "« answered » faux : aucun document ne répond, ceux-là sont seulement proches, dites-le. "
        "« documents » vide : rien de proche parmi ce que l’agent peut lire ; il peut en exister "
        "d’autres. Avec include « people » : « people », qui sait, « near_subject », qui pourrait "
        "seulement orienter. " + _DEGREES + "Citez « title » et « page ».",
        SearchArguments,
        SearchAnswer,
        _search,
    ),
    "read_document": AssistantTool(
        "Lire un document",
        "Rend le texte d’un document, par son « id » ou par l’adresse de sa page sur ce site, "
        f"{READ_CHARS} caractères à la fois : rappelez avec « start » égal à « following » pour la "
        "suite. Un document fermé à l’agent est dit inconnu.",
        ReadArguments,
        ReadAnswer,
        _read,
    ),
    "who_knows": AssistantTool(
        "Trouver qui sait",
        "Trouve les collègues qui savent (« candidates »), avec les documents qui le montrent "
        "(« evidence »). " + _QUESTION + _DEGREES + "« candidates » vide : personne n’est connu "
        "avec certitude ; dites-le, et n’inventez personne. « near » : qui pourrait seulement "
        "orienter. « stated » : d’après l’annuaire seul, sans document.",
        WhoArguments,
        WhoAnswer,
        _who_knows,
    ),
    "prepare_question": AssistantTool(
        "Préparer une question à des collègues",
        "Prépare une question, et n’envoie rien. Rend l’adresse (« form ») d’un formulaire rempli, "
        "que l’agent relit et envoie lui-même, les collègues à qui elle irait (« recipients » ; "
        "vide : personne en particulier), et des documents qui répondent peut-être déjà. "
        f"« title » : {MOST_TITLE} caractères au plus ; « text » : {MOST_QUESTION}. Donnez "
        "« form » à l’agent.",
        QuestionArguments,
        DraftAnswer,
        _prepare,
    ),
}


@dataclass(frozen=True, slots=True)
class AssistantPrompt:
    """A request that an agent chooses in their assistant: it has one argument, put into `text`."""

    title: str
    description: str
    argument: str
    text: str


PROMPTS: Mapping[str, AssistantPrompt] = {
    "qui_sait": AssistantPrompt(
        "Qui sait… ?",
        "Trouver les collègues qui savent, et les documents qui le montrent",
        "sujet",
        "Qui sait répondre sur ce sujet : « {} » ? Appelez who_knows. Nommez d’abord les personnes "
        "de « candidates » dont « sure » est vrai, avec leur service et les documents qui le "
        "montrent (titre et adresse). Dites à part qui pourrait seulement orienter (« near »). Si "
        "« candidates » est vide, dites que personne n’est connu, et proposez-moi de préparer une "
        "question.",
    ),
    "preparer_une_question": AssistantPrompt(
        "Préparer une question",
        "Chercher si un document répond, sinon préparer une question à des collègues",
        "question",
        "Je veux poser cette question à des collègues : « {} ». Appelez d’abord search : si "
        "« answered » est vrai et qu’un document répond, donnez-moi sa réponse et son adresse. "
        "Sinon, proposez-moi un titre en une phrase et des détails, sans donnée personnelle d’un "
        "usager, puis appelez prepare_question et donnez-moi l’adresse « form » : je relirai et "
        "enverrai moi-même.",
    ),
}


def prompt_text(name: str, arguments: Mapping[str, str]) -> str:
    """Return the text of a prompt with its argument. Raises `InvalidParameter`."""
    prompt = PROMPTS.get(name)
    if prompt is None:
        raise InvalidParameter(
            f"Cette demande n’existe pas. Celles-ci existent : {', '.join(PROMPTS)}."
        )
    written = arguments.get(prompt.argument, "").strip()
    if not 0 < len(written) <= MOST_QUESTION:
        raise InvalidParameter(
            f"« {prompt.argument} » ne convient pas : {MOST_QUESTION} caractères au plus, et un au "
            "moins."
        )
    return prompt.text.format(written)


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
