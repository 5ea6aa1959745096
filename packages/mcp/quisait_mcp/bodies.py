"""What the tools return: the API's bodies with fewer fields, described in French for models.

Each body is read from the body of the API; the validation's context has the origin as `site`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, TypeAlias

from pydantic import AliasChoices, AliasPath, BeforeValidator, ConfigDict, Field, ValidationInfo

from expertise.values import Degree
from search_api.addresses import document_address
from search_api.bodies import AreaBody, Body, VerificationBody
from search_api.search.schemas import AuthorBody, FacetBody, PassageBody
from search_api.wording import ROLES

PASSAGE_CHARS = 350
"""Maximum length of a passage in an answer of `search`, in characters."""
MOST_AUTHORS = 3
MOST_EVIDENCE = 3
MOST_VALUES = 10
"""Maximum number of values of one facet."""


def french_only(schema: dict[str, Any]) -> None:
    """Remove names and docstrings of classes from a JSON schema, for models read all of it."""
    schema.pop("description", None)
    for part in (schema, *schema["properties"].values()):
        part.pop("title", None)


def _absolute(address: Callable[[str], str]) -> BeforeValidator:
    def page(value: str, info: ValidationInfo) -> str:
        return f"{(info.context or {})['site']}{address(value)}"

    return BeforeValidator(page)


def _day(moment: datetime | date | None) -> date | None:
    return moment.date() if isinstance(moment, datetime) else moment


def _names(authors: Sequence[AuthorBody]) -> list[str]:
    return [f"{author.name} ({ROLES[author.role]})" for author in authors[:MOST_AUTHORS]]


def _statement(found: VerificationBody | None) -> str:
    if found is None:
        return ""
    return f"juste, le {found.day}" if found.right else f"plus juste, le {found.day} : {found.note}"


def _shortened(found: PassageBody | None) -> str:
    """Return the passage's text, from its best sentences on if it is too long."""
    text = found.text if found else ""
    if found is None or len(text) <= PASSAGE_CHARS:
        return text
    start = found.excerpt[0]
    end = start + PASSAGE_CHARS
    return f"{'… ' if start else ''}{text[start:end]}{' …' if end < len(text) else ''}"


def _is_sure(degree: Degree | None) -> bool:
    return degree is not Degree.NEAR


def _place(area: AreaBody | None) -> str:
    return area.name if area else ""


def _counts(facets: Mapping[str, Sequence[FacetBody]]) -> dict[str, dict[str, int]]:
    return {
        name: {found.value: found.count for found in values[:MOST_VALUES]}
        for name, values in facets.items()
    }


Day: TypeAlias = Annotated[date | None, BeforeValidator(_day)]
_ID = AliasChoices("id", "document_id")


class AnswerPart(Body):
    """A part of a tool's answer, whose JSON schema has French descriptions alone."""

    model_config = ConfigDict(json_schema_extra=french_only)


class DocumentName(AnswerPart):
    """A document by its name."""

    id: str = Field(validation_alias=_ID, description="pour read_document")
    title: str = Field(description="son titre, à citer")
    page: Annotated[str, _absolute(document_address)] = Field(
        validation_alias=_ID, description="son adresse ici, à citer"
    )


class Document(DocumentName):
    """What a document is, without its text."""

    url: str | None = Field(description="son adresse à sa source")
    kind: str = Field(description="sa nature, pour « kinds » de search")
    source: str = Field(description="pour « sources » de search")
    space: str = Field(description="sa communauté ou son dossier, pour « spaces » de search")
    modified: Day = Field(description="jour de sa dernière modification")
    valid: bool = Field(description="s’il est en vigueur aujourd’hui")
    replaced_by: list[DocumentName] = Field(description="ce qui le remplace")
    authors: Annotated[list[str], BeforeValidator(_names)] = Field(
        description=f"qui y a contribué, et comment ; {MOST_AUTHORS} au plus"
    )
    verified: Annotated[str, BeforeValidator(_statement)] = Field(
        description="ce qu’un auteur a dit du texte actuel ; vide : rien"
    )


class FoundDocument(Document):
    """A document in the answer of `search`."""

    passage: Annotated[str, BeforeValidator(_shortened)] = Field(
        description=f"ce qui répond, {PASSAGE_CHARS} caractères au plus"
    )
    why: list[str] = Field(description="avec include « why » : pourquoi ce rang")


class ReadAnswer(Document):
    """The answer of `read_document`."""

    text: str = Field(description="le texte demandé, en Markdown")
    following: int | None = Field(description="« start » de la suite ; null : le texte est fini")


class Quote(AnswerPart):
    """Sentences that answer."""

    text: str = Field(description="des phrases entières du document")
    document: DocumentName
    author: str = Field(validation_alias=AliasPath("author", "name"))
    dated: Day = Field(description="jour où elles furent écrites")
    differs: bool = Field(description="un document plus ancien dit autre chose")


class Colleague(AnswerPart):
    """An agent of the directory."""

    id: str
    name: str
    email: str
    metier: str = Field(validation_alias=AliasPath("post", "metier"))
    entity: str = Field(validation_alias=AliasPath("post", "entity"), description="son service")
    office: str = Field(validation_alias=AliasPath("post", "office"), description="sa ville")


class Evidence(DocumentName):
    """A document that supports a person."""

    roles: Annotated[list[str], BeforeValidator(lambda roles: [ROLES[role] for role in roles])]
    last: date | None = Field(description="jour de sa dernière contribution")


class Person(AnswerPart):
    """A person with their evidence."""

    agent: Colleague
    degree: str | None = Field(
        description="answered, neighbour, wrote, near ; null : par l’annuaire, sans document"
    )
    sure: Annotated[bool, BeforeValidator(_is_sure)] = Field(
        validation_alias=AliasPath("degree"),
        description="faux : ne la présentez jamais comme sachant",
    )
    evidence: Annotated[list[Evidence], BeforeValidator(lambda found: found[:MOST_EVIDENCE])] = (
        Field(description=f"des documents qui le montrent, {MOST_EVIDENCE} au plus")
    )


class Answer(AnswerPart):
    """The fields of every search for documents or people."""

    did_you_mean: str | None = Field(description="une autre formulation, qui trouve")
    instead: bool = Field(description="la réponse est celle de « did_you_mean »")
    incomplete: list[str] = Field(description="annuaires muets : des documents peuvent manquer")


class SearchAnswer(Answer):
    """The answer of `search`."""

    total: int | None = Field(description="null : non compté (« auteur: »)")
    answered: bool = Field(
        description="faux : aucun document ne répond à coup sûr, ceux-là sont seulement proches"
    )
    more: bool = Field(description="une page suit (« page »)")
    shortened: bool = Field(description="la question était trop longue : seul son début fut lu")
    direct_answer: Quote | None = Field(
        description="des phrases qui répondent ; null : rien de sûr"
    )
    documents: list[FoundDocument] = Field(
        description="les meilleurs d’abord ; vide : rien de proche parmi ce que l’agent peut lire"
    )
    people: list[Person] = Field(description="qui sait, ou que la question nomme")
    near_subject: list[Person] = Field(description="qui pourrait orienter, sans savoir")
    facets: Annotated[dict[str, dict[str, int]], BeforeValidator(_counts)] = Field(
        description=f"nombre de documents des {MOST_VALUES} premières valeurs"
    )


class WhoAnswer(Answer):
    """The answer of `who_knows`."""

    candidates: list[Person] = Field(
        description="leurs documents montrent qu’elles savent ; vide : personne n’est connu"
    )
    near: list[Person] = Field(description="pourraient orienter, sans savoir")
    named: list[Person] = Field(description="la question les nomme, ou leur poste")
    nearly_named: list[Person] = Field(description="d’un nom presque pareil")
    stated: list[Person] = Field(description="d’après l’annuaire seul, sans document")
    beyond: int = Field(description="combien d’autres « k » laisse de côté")
    nearest: list[DocumentName] = Field(description="sans « candidates » : documents proches")
    nobody_in: Annotated[str, BeforeValidator(_place)] = Field(
        description="le lieu demandé, si aucune n’y travaille"
    )


class DraftAnswer(AnswerPart):
    """The answer of `prepare_question`."""

    sent: bool = Field(description="toujours faux : rien n’est envoyé")
    title: str
    text: str
    form: str = Field(description="adresse du formulaire, que l’agent relit et envoie")
    existing: list[DocumentName] = Field(description="des documents qui répondent peut-être déjà")
    recipients: list[Colleague] = Field(description="à qui elle irait ; vide : à personne")
