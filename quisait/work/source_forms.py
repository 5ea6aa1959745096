"""Build the form of a kind of source from its settings, and read the typed values.

A form asks for the options of its kind, and for a few settings of every source. The options of
installed kinds are written under `options.`. A field's title is its label, or its description up to
the first « ; » or « : »; the rest of the description is its hint. `connectors.options.on_form` says
more where an option needs it.
"""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from connectors.installed import OWN_KINDS, installed_connectors, load_kind
from connectors.options import FORM, names_readers, on_form
from connectors.ports import SourceRefused
from quisait.settings.sources import BUILT_IN_KINDS, SourceSettings
from search_api.new_source.values import Entered, KindOffered, SourceField, SourceStep

OPTIONS = "options."
NOBODY_WORD = "personne"
EVERYBODY_WORDS = frozenset({"tous", "tous les agents"})
_SECRET = re.compile(r"(^|_)(password|passwd|secret|token|api_key)$")
LABELS = {
    "name": "Nom de la source",
    "path": "Dossier ou fichier",
    "url": "Adresse",
    "allowed": "Qui lit les documents qui ne nomment pas leurs lecteurs",
    "every": "Rythme de lecture",
    "trust": "Confiance",
    "join": "Ce qui nomme le compte d’un agent",
    "include": "Seuls fichiers lus",
    "exclude": "Fichiers laissés de côté",
    "link": "Adresse d’un document pour qui le trouve",
    "evidence": "Ses auteurs comptent parmi qui sait",
    "user": "Compte qui lit",
}
"""Labels of fields that several kinds of source share; others are built by `_label_and_hint`."""
_SAID = {
    "[] : personne": "« personne » : aucun lecteur",
    "« allowed » de la source": "les lecteurs de la source",
    "« evidence » de la source": "comme la source",
    "« none » : ": "« non » : ",
    "« yes » : ": "« oui » : ",
    "« uploader » ne dit pas qui sait": "",
    "absent : ": "vide : ",
}
"""Words of descriptions about the settings file, and the words for a form."""
CHOICES = {"yes": "oui", "none": "non"}
"""French words for values that any option may have; `on_form` gives an option's own words."""

_HINTS = {
    "name": "En minuscules, sans espace, comme « circulaires » : il commence l’identifiant des "
    "documents, et ne se change plus ensuite.",
    "path": "Tel que cette machine le connaît, comme « /partages/circulaires » ; ou relatif au "
    "dossier de quisait.toml.",
    "allowed": "Un par ligne : « tous les agents », ou un groupe de votre annuaire par son "
    "identifiant, comme « annuaire:group:inspection ». Vide : personne ne les lit.",
    "include": "« *.pdf », « notes/** », un par ligne ; vide : tous.",
    "exclude": "« *.png », « archives », un par ligne ; ils sont laissés même s’ils sont nommés "
    "au-dessus.",
    "link": "D’un fichier de ce dossier, comme « https://fichiers.exemple/{path} » ; d’un document "
    "de La Suite, comme « https://docs.exemple/{id} ». Vide : aucune.",
    "every": "« 15 min », « 2 h », « 1 j » ou « jamais » ; vide : toutes les heures.",
    "trust": "De 0,1 à 2 : multiplie la note de ses documents.",
    "join": "Un par ligne : « uid » (l’identifiant de l’agent), « email » (son adresse, que la "
    "source a vérifiée) ; vide : les comptes que donne l’annuaire.",
}
"""Hints that replace a description about the file or about other kinds."""
_OF_EVERY_KIND = {
    "name": SourceStep.PLACE,
    "allowed": SourceStep.READERS,
    "every": SourceStep.OPTIONS,
    "trust": SourceStep.OPTIONS,
    "join": SourceStep.OPTIONS,
}
"""The settings of every source that a form may ask for (`ConnectorKind.asks`)."""


@dataclass(frozen=True, slots=True)
class AskedField:
    """A field of a kind: its key in the form, its setting, and the step that asks for it."""

    key: str
    name: str
    field: FieldInfo
    step: SourceStep

    @property
    def required(self) -> bool:
        """Whether the source needs a value."""
        return self.field.is_required() or self.key in ("path", "url")

    @property
    def annotation(self) -> Any:
        """The field's type, without None."""
        return _without_none(self.field.annotation)

    @property
    def rows(self) -> type[BaseModel] | None:
        """The model of its rows if it is a table of named rows, else None."""
        arguments = get_args(self.annotation)
        model = arguments[1] if get_origin(self.annotation) is dict else None
        return model if isinstance(model, type) and issubclass(model, BaseModel) else None

    def cells(self, number: int) -> Iterator["AskedField"]:
        """Yield the fields of one row of a table; nothing for a field that is no table."""
        for name, field in self.rows.model_fields.items() if self.rows else ():
            yield AskedField(f"{self.key}.{number}.{name}", name, field, self.step)


@dataclass(frozen=True, slots=True)
class KindForm:
    """The fields of a kind of source. `credential` describes its password, if it has one.

    `untypable` are required options that contain a secret, which a page must not ask for.
    """

    offered: KindOffered
    credential: str
    fields: tuple[AskedField, ...]
    untypable: tuple[str, ...] = ()

    def of_step(self, step: SourceStep) -> tuple[AskedField, ...]:
        """Return the fields of a step."""
        return tuple(one for one in self.fields if one.step is step)

    @property
    def steps(self) -> tuple[SourceStep, ...]:
        """The steps that have fields."""
        account = self.credential or self.of_step(SourceStep.ACCOUNT)
        return tuple(
            one
            for one in SourceStep
            if one in (SourceStep.KIND, SourceStep.PLACE)
            or (one is SourceStep.ACCOUNT and account)
            or (one is not SourceStep.ACCOUNT and self.of_step(one))
        )


def offered_kinds() -> list[KindOffered]:
    """Return the folder kind, installed kinds that load, by label, then quisait's other kinds."""
    folder, *others = (kind_form(name).offered for name in OWN_KINDS)
    found = []
    for name in installed_connectors().keys() - set(BUILT_IN_KINDS):
        try:
            found.append(kind_form(name).offered)
        except SourceRefused:
            continue  # it does not load: `connector list` reports it
    return [folder, *sorted(found, key=lambda one: one.label.lower()), *others]


@cache
def kind_form(name: str) -> KindForm:
    """Return the form of a kind.

    Raises `KeyError` for a kind that cannot be added, `SourceRefused` if it does not load.
    """
    if name not in OWN_KINDS and (name in BUILT_IN_KINDS or name not in installed_connectors()):
        raise KeyError(name)
    kind, prefix = load_kind(name), "" if name in OWN_KINDS else OPTIONS
    own, untypable = [], []
    for option, field in kind.options.model_fields.items():
        if not field.repr or _SECRET.search(option):
            untypable += [option] if field.is_required() else []
        elif step := _step_of(option, field):
            own.append(AskedField(prefix + option, option, field, step))
    own.sort(key=lambda one: not one.field.is_required())
    common = [
        AskedField(one, one, SourceSettings.model_fields[one], step)
        for one, step in _OF_EVERY_KIND.items()
        if one in ("name", *kind.asks)
    ]
    order = list(SourceStep)

    def place(one: AskedField) -> tuple[int, bool]:
        """Sort by step; the last step asks for the kind's own options first."""
        return order.index(one.step), one.step is SourceStep.OPTIONS and one in common

    return KindForm(
        KindOffered(name, kind.label, kind.about),
        kind.credential,
        tuple(sorted([*common, *own], key=place)),
        tuple(untypable),
    )


def _step_of(option: str, field: FieldInfo) -> SourceStep | None:
    """Return the step that asks for an option, None if the form does not ask for it."""
    if step := _on_form(field)["step"]:
        return None if step == "never" else SourceStep(step)
    if option == "user":
        return SourceStep.ACCOUNT
    if names_readers(field):
        return SourceStep.READERS
    return SourceStep.PLACE if field.is_required() else SourceStep.OPTIONS


def _on_form(field: FieldInfo) -> dict[str, Any]:
    """Return what `connectors.options.on_form` stored in an option, or its defaults."""
    extra = field.json_schema_extra
    return extra.get(FORM, on_form()[FORM]) if isinstance(extra, dict) else on_form()[FORM]  # type: ignore[return-value]


def asked_fields(
    form: KindForm, step: SourceStep, entered: Entered, faults: Mapping[str, str], more: str = ""
) -> Iterator[SourceField]:
    """Yield a step's fields with their typed text. `more` names a table that gets another row."""
    for one in form.of_step(step):
        if one.rows is None:
            yield _shown(one, entered, faults)
            continue
        rows = max(row_numbers(one.key, entered), default=-1) + 1
        for number in range(max(1, rows) + (more == one.key)):
            yield from _row(one, number, entered, faults)


def row_numbers(key: str, entered: Entered) -> set[int]:
    """Return the numbers of a table's rows in which something was typed."""
    found = (re.fullmatch(rf"{re.escape(key)}\.(\d{{1,3}})\.\w+", typed) for typed in entered)
    return {int(one[1]) for one in found if one and entered[one[0]].strip()}


ROW_NAME = "nom"
"""Field for a row's own name; no setting has this name."""


def _row(
    table: AskedField, number: int, entered: Entered, faults: Mapping[str, str]
) -> Iterator[SourceField]:
    legend = f"{_on_form(table.field)['row'] or 'Ligne'} {number + 1}"
    named = f"{table.key}.{number}.{ROW_NAME}"
    yield SourceField(
        named,
        _label(table) or "Nom",
        "",
        "text",
        entered.get(named, ""),
        required=table.field.is_required() and not number,
        group=legend,
        fault=faults.get(named, ""),
    )
    for cell in table.cells(number):
        yield _shown(cell, entered, faults, legend)


def _shown(
    one: AskedField, entered: Entered, faults: Mapping[str, str], group: str = ""
) -> SourceField:
    label, hint = _label_and_hint(one)
    widget: Literal["text", "number", "lines", "choice"] = "text"
    choices: tuple[tuple[str, str], ...] = ()
    kind, origin = one.annotation, get_origin(one.annotation)
    default = "" if one.field.is_required() else _typed(one.field.default)
    if origin is Literal:
        said = CHOICES | _on_form(one.field)["choices"]
        widget, choices = "choice", tuple((v, said.get(v, v)) for v in get_args(kind))
        if type(None) in get_args(one.field.annotation):
            choices = (("", "comme la source"), *choices)
    elif kind is bool:
        widget, choices = "choice", (("true", "oui"), ("false", "non"))
    elif origin in (list, dict):
        widget = "lines"
    elif kind in (int, float):
        widget = "number"
    return SourceField(
        one.key,
        label,
        hint,
        widget,
        entered.get(one.key, default),
        required=one.required,
        choices=choices,
        group=group,
        fault=faults.get(one.key, ""),
    )


def _label(one: AskedField) -> str:
    """Return a field's title, or its shared label; empty if it has neither."""
    return one.field.title or LABELS.get(one.name, "")


def _label_and_hint(one: AskedField) -> tuple[str, str]:
    said = one.field.description or ""
    own_label = _label(one)
    if (own := _HINTS.get(one.key)) is not None:
        return own_label, own
    label, _, hint = said.partition(" ; ")
    first, _, after = label.partition(" : ")
    if own_label:
        label, hint = own_label, said
    elif first.startswith("«"):
        label, hint = one.name, said
    else:
        label, hint = first, " ; ".join(filter(None, (after, hint)))
    value = get_args(one.annotation)[1] if get_origin(one.annotation) is dict else None
    more = ""
    if value is not None:
        hint = _without_toml(hint)
        several = value is not str and get_origin(value) is not Literal
        more = "Une ligne chacun" + (" : « nom = lecteur | lecteur »." if several else ".")
    elif get_origin(one.annotation) is list:
        more = "Un par ligne."
    for written, typed in _SAID.items():
        hint = hint.replace(written, typed)
    return _capital(label), _capital(". ".join(filter(None, (hint, more))))


def _without_toml(hint: str) -> str:
    """Return the hint with its TOML examples as they are typed in the form."""

    def typed(found: re.Match[str]) -> str:
        try:
            table = tomllib.loads(f"x = {found[0]}")["x"]
        except tomllib.TOMLDecodeError:
            return found[0]
        return f"« {_typed(table)} »"

    return re.sub(r"\{ [^{}]* = [^{}]* \}", typed, hint)


def _typed(value: Any) -> str:
    """Return a value as a person would type it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        lines = []
        for name, one in value.items():
            several = isinstance(one, list | tuple)
            lines.append(f"{name} = {' | '.join(one) or NOBODY_WORD if several else one}")
        return "\n".join(lines)
    if isinstance(value, list | tuple):
        return "\n".join(map(str, value))
    return "" if value is None else str(value)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def typed_values(form: KindForm, entered: Entered) -> dict[str, Any]:
    """Return the typed settings, without values equal to their default."""
    values: dict[str, Any] = {}
    for one in form.fields:
        if one.rows is not None:
            value: Any = _typed_rows(one, entered)
        else:
            value = _typed_value(one, entered.get(one.key, ""))
        if value is None:
            continue
        if not one.field.is_required() and value == one.field.default:
            continue
        if one.key.startswith(OPTIONS):
            values.setdefault("options", {})[one.name] = value
        else:
            values[one.name] = value
    return values


def _typed_rows(table: AskedField, entered: Entered) -> dict[str, Any] | None:
    rows: dict[str, Any] = {}
    for number in sorted(row_numbers(table.key, entered)):
        row = {}
        for cell in table.cells(number):
            value = _typed_value(cell, entered.get(cell.key, ""))
            if value is not None and (cell.field.is_required() or value != cell.field.default):
                row[cell.name] = value
        rows[entered.get(f"{table.key}.{number}.{ROW_NAME}", "").strip()] = row
    return rows or None


def _typed_value(one: AskedField, text: str) -> Any:
    """Return the value, None if nothing was typed, or the text if it is not of the field's type."""
    text = text.strip()
    kind, origin = one.annotation, get_origin(one.annotation)
    if not text:
        return None
    if origin is list:
        readers = one.step is SourceStep.READERS or names_readers(one.field)
        return _typed_list(text.splitlines(), readers=readers)
    if origin is dict:
        return _typed_pairs(text, get_args(kind)[1])
    if kind is bool:
        return {"true": True, "false": False}.get(text, text)
    if kind in (int, float):
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            return text
        if not math.isfinite(number):  # no setting is infinite, and TOML writes these differently
            return text
        return int(number) if number.is_integer() else number
    return text


def _typed_list(lines: list[str], *, readers: bool) -> list[str]:
    found = [line.strip() for line in lines if line.strip()]
    if readers and [one.lower() for one in found] == [NOBODY_WORD]:
        return []
    if readers:
        return ["everyone" if one.lower() in EVERYBODY_WORDS else one for one in found]
    return found


def _typed_pairs(text: str, kind: Any) -> dict[str, Any]:
    """Return one pair per line; a line without « = » has an empty value, which is refused later."""
    found: dict[str, Any] = {}
    words = [word for one in (kind, *get_args(kind)) for word in get_args(one)]
    for line in filter(None, map(str.strip, text.splitlines())):
        name, sign, value = (part.strip() for part in line.rpartition(" = "))
        if not sign:
            name, sign, value = (part.strip() for part in line.rpartition("="))
        if not sign:
            name, value = line, ""
        value = value.strip('"')
        several = kind is not str and get_origin(kind) is not Literal
        if several and value not in words:
            found[name] = _typed_list(value.split("|"), readers=True)
        else:
            found[name] = value
    return found


def key_of(form: KindForm, place: tuple[int | str, ...], entered: Entered, *, options: bool) -> str:
    """Return the form's field that a fault is about; empty if there is none."""
    if not place:
        return ""
    one = next(
        (
            one
            for one in form.fields
            if one.name == place[0] and one.key.startswith(OPTIONS) is options
        ),
        None,
    )
    if one is None:
        return ""
    if one.rows is None:
        return one.key
    rows = sorted(row_numbers(one.key, entered))
    if len(place) == 1:
        return f"{one.key}.0.{ROW_NAME}"
    row = next(
        (n for n in rows if entered.get(f"{one.key}.{n}.{ROW_NAME}", "").strip() == place[1]),
        rows[0] if rows else 0,
    )
    inner = next((str(p) for p in place[2:] if p in one.rows.model_fields), ROW_NAME)
    return f"{one.key}.{row}.{inner}"


def _without_none(annotation: Any) -> Any:
    """Return the type without None."""
    if get_origin(annotation) in (Union, UnionType):
        kinds = [one for one in get_args(annotation) if one is not type(None)]
        if len(kinds) == 1:
            annotation = kinds[0]
    # `Annotated[X, …]` inside an optional type keeps its metadata: the type is X.
    return (
        getattr(annotation, "__origin__", annotation)
        if (hasattr(annotation, "__metadata__"))
        else annotation
    )
