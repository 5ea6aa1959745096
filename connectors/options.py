"""Types of options that several kinds of sources share."""

from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from connectors.file_patterns import parse_selection
from connectors.readers import Readers
from connectors.values import normalize_principal

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Names of this machine, to which a connection cannot be overheard."""


def _base_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("donnez une adresse en https:// ou http://, sans compte ni mot de passe")
    if parts.query or parts.fragment:
        raise ValueError("donnez une adresse sans « ? » ni « # »")
    return url.rstrip("/") + "/"


def _link(link: str) -> str:
    if link and not link.startswith(("https://", "http://")):
        raise ValueError("donnez une adresse en https:// ou http://")
    return link


def _readers(readers: list[str] | None) -> list[str] | None:
    Readers(allowed=readers or [])
    return readers


def _named_readers(readers: dict[str, list[str]]) -> dict[str, list[str]]:
    for allowed in readers.values():
        Readers(allowed=allowed)
    return readers


def _groups(groups: dict[str, str]) -> dict[str, str]:
    Readers(allowed=list(groups.values()))
    return groups


def _patterns(patterns: list[str]) -> list[str]:
    parse_selection(patterns, ())
    return patterns


class SourceOptions(BaseModel):
    """Base class of a source's `options` table in quisait.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _principal(written: str) -> str:
    return normalize_principal(written.strip())


Principal = Annotated[str, AfterValidator(_principal)]
"""A normalized principal: `everyone`, or `authority:kind:id`, without spaces around."""


def without_password(written: str) -> str:
    """Return the address. Raises `ValueError`, without repeating it, if it has an account."""
    if "@" in written.partition("://")[2].partition("/")[0]:
        raise ValueError(
            "retirez compte et mot de passe de l'adresse : d'autres réglages les disent"
        )
    return written


BaseUrl = Annotated[str, AfterValidator(_base_url)]
"""URL of a service, without account, query or fragment; it ends with a slash."""

Link = Annotated[str, AfterValidator(_link)]
"""A web address with `{name}` for each value that `filled` puts in; empty for no address."""

Patterns = Annotated[list[str], AfterValidator(_patterns)]
"""Patterns of file paths such as `*.pdf` or `notes/**` (`parse_selection` checks them)."""

Evidence = Literal["yes", "none"]
"""Setting of a source: whether its authors count as experts (`yes`) or never do (`none`)."""

ReaderList = Annotated[list[str], AfterValidator(_readers)]
"""Principals; empty for nobody."""

OptionalReaders = Annotated[list[str] | None, AfterValidator(_readers)]
"""Principals; empty for nobody, None for the source's default."""

ReadersByName = Annotated[dict[str, list[str]], AfterValidator(_named_readers)]
"""Principals of each part of a source, by the part's name."""

GroupPrincipals = Annotated[dict[str, str], AfterValidator(_groups)]
"""Principal of each of the server's groups, by the group's name."""


def evidence_of(whom: str) -> Any:
    """Return the default `Evidence` of a source; `whom` says in French who may count."""
    return Field("yes", description=f"« none » : {whom} ne disent jamais qui sait")


def filled(link: str, *, safe: str = "/", **values: str) -> str:
    """Return a link in which each `{name}` is replaced by its value, percent-encoded."""
    for name, value in values.items():
        link = link.replace(f"{{{name}}}", quote(value, safe=safe))
    return link


def names_readers(field: FieldInfo) -> bool:
    """Return whether an option names readers, by its type or by its step in the form."""
    extra, naming = field.json_schema_extra, (_readers, _named_readers, _groups)
    form = extra.get(FORM) if isinstance(extra, dict) else None
    if isinstance(form, dict) and form["step"] == "readers":
        return True
    return any(isinstance(one, AfterValidator) and one.func in naming for one in field.metadata)


FORM = "form"


def on_form(
    step: Literal["", "place", "readers", "never"] = "", row: str = "", **choices: str
) -> dict[str, Any]:
    """Return an option's `json_schema_extra`, which describes its field in the form.

    `step` asks for the option instead of the step that its type suggests, or leaves it out of the
    form (`never`). `row` names a row of a table, and `choices` gives French words for values. The
    option's `title` is its label.
    """
    return {FORM: {"step": step, "row": row, "choices": choices}}
