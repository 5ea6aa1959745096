"""What La Suite's applications push to find (suitenumerique/find), read as our own records.

Which of its fields mean what is told in docs/pousser.md. Fields that are not named here
(`depth`, `path`, `numchild`, `size`, `tags`, …) say nothing that a search needs.
"""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from connectors.push.lines import Submitted, refused, written
from connectors.push.values import Receipt, SuiteRules
from connectors.records.schema import (
    DeletedLine,
    Name,
    Readers,
    RecordLine,
    SectionLine,
    Several,
)
from connectors.values import EVERYONE, MOST_PRINCIPALS, account_principal

_TITLE_CHARACTERS = 200

Short = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
Identity = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]*$")]


class _FindDocument(BaseModel):
    """One document of `/documents/index/`. What it says beyond these fields is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    id: Name
    title: Short
    content: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    users: Several[Identity] = []
    groups: Several[Identity] = []
    reach: Literal["public", "authenticated", "restricted"] | None = "restricted"
    is_active: bool
    description: str = ""


def find_submitted(
    item: object, source: str, rules: SuiteRules, document_bytes: int
) -> Submitted | Receipt:
    """What one of find's documents says, or why it is refused; never raises.

    It has no version: `updated_at` stays the same when its readers change.
    """
    text = written(item, document_bytes)
    if isinstance(text, Receipt):
        return text
    try:
        document = _FindDocument.model_validate_json(text)
    except ValidationError as error:
        return _refused(item, error)
    if not document.is_active:
        return Submitted(DeletedLine(type="deleted", id=document.id))
    if not document.title and not document.content:
        return refused(document.id, "malformed", "ni titre ni contenu", "title")
    allowed = _principals(document, source, rules)
    if len(allowed) > MOST_PRINCIPALS:
        reason = f"plus de {MOST_PRINCIPALS} lecteurs : nommez un groupe"
        return refused(document.id, "too_long", reason, "users")
    return Submitted(_record(document, allowed, rules))


def _record(document: _FindDocument, allowed: list[str], rules: SuiteRules) -> RecordLine:
    described = document.description.strip()
    first_line = next(iter(document.content.replace("\0", " ").split("\n")), "").strip()
    return RecordLine(
        type="page",
        kind="document",
        id=document.id,
        title=document.title or first_line[:_TITLE_CHARACTERS] or document.id,
        text=document.content,
        sections=[SectionLine(text=described, heading="Description")] if described else [],
        readers=Readers(allowed=allowed),
        created=document.created_at,
        modified=document.updated_at,
        url=rules.link.replace("{id}", document.id) if rules.link else "",
    )


def _principals(document: _FindDocument, source: str, rules: SuiteRules) -> list[str]:
    """A user is who holds that account of the source, a group is the source's own.

    A document that a link opens is not one that every agent finds, unless the settings
    say so: find itself shows it only to who has already opened it.
    """
    allowed = {account_principal(f"{source}:{user}") for user in document.users}
    allowed |= {f"{source}:group:{group}" for group in document.groups}
    if document.reach in rules.open_reach:
        allowed.add(EVERYONE)
    return sorted(allowed)


def _refused(item: Any, error: ValidationError) -> Receipt:
    """Names the field and the kind of fault, never the value."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = str(first["loc"][0]) if first["loc"] else ""
    named = item.get("id")
    name = named.strip() if isinstance(named, str) and len(named) <= 2000 else ""
    return refused(name, first["type"], f"« {place} » : valeur refusée ({first['type']})", place)
