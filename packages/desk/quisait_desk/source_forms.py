"""Build the form of a kind of source from its settings.

A form asks for the options of its kind, and for a few settings of every source. The options of
installed kinds are written under `options.`. A field's title is its label, or its description up to
the first « ; » or « : »; the rest of the description is its hint. An option can change its field by
`connectors.options.on_form`.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from connectors.installed import OWN_KINDS, installed_connectors, load_kind
from connectors.options import FORM, names_readers, on_form
from connectors.ports import SourceRefused
from quisait.settings.sources import BUILT_IN_KINDS, SourceSettings
from quisait_desk.values import Entered, KindOffered, SourceField, SourceStep

OPTIONS = "options."
MORE = "more"
"""Name of the form field that contains the table to which a row is added; it is not stored."""
PASSWORD_FILE = "password_file"  # noqa: S105 - the name of a setting
ROW_NAME = "nom"
"""Field for a row's own name; no setting has this name."""
NOBODY_WORD = "personne"
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
_REWORDED = {
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
"""Hints that replace descriptions that only suit the settings file or other kinds."""
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
    def pair_value(self) -> Any:
        """The type of its values if it is a table, else None."""
        return get_args(self.annotation)[1] if get_origin(self.annotation) is dict else None

    @property
    def pairs_are_lists(self) -> bool:
        """Whether the values of a table are lists of readers."""
        return self.pair_value is not str and get_origin(self.pair_value) is not Literal

    @property
    def rows(self) -> type[BaseModel] | None:
        """The model of its rows if it is a table of named rows, else None."""
        model = self.pair_value
        return model if isinstance(model, type) and issubclass(model, BaseModel) else None

    def cells(self, number: int) -> Iterator["AskedField"]:
        """Yield the fields of one row of a table; nothing if the field is not a table."""
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
        always = {SourceStep.KIND, SourceStep.PLACE}
        if self.credential:
            always.add(SourceStep.ACCOUNT)
        return tuple(one for one in SourceStep if one in always or self.of_step(one))


def offered_kinds() -> list[KindOffered]:
    """Return the kind folder, installed kinds that load by label, then quisait's other kinds."""
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
    # The last step asks for the kind's own options first, the other steps for the common ones.
    fields = [one for step in SourceStep for one in (*common, *own) if one.step is step]
    fields.sort(key=lambda one: one.step is SourceStep.OPTIONS and one in common)
    offered = KindOffered(name, kind.label, kind.about)
    return KindForm(offered, kind.credential, tuple(fields), tuple(untypable))


def _step_of(option: str, field: FieldInfo) -> SourceStep | None:
    """Return the step that asks for an option, None if no step does."""
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
    form: KindForm, step: SourceStep, entered: Entered, faults: Mapping[str, str]
) -> Iterator[SourceField]:
    """Yield a step's fields with their typed text; a table may get another row (`MORE`)."""
    for one in form.of_step(step):
        if one.rows is None:
            yield _shown(one, entered, faults)
            continue
        rows = max(row_numbers(one.key, entered), default=-1) + 1
        for number in range(max(1, rows) + (entered.get(MORE) == one.key)):
            yield from _row(one, number, entered, faults)


def row_numbers(key: str, entered: Entered) -> set[int]:
    """Return the numbers of a table's rows in which something was typed."""
    found = (re.fullmatch(rf"{re.escape(key)}\.(\d{{1,3}})\.\w+", typed) for typed in entered)
    return {int(one[1]) for one in found if one and entered[one[0]].strip()}


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
    default = "" if one.field.is_required() else _as_typed(one.field.default)
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
    more = ""
    if one.pair_value is not None:
        hint = _without_toml(hint)
        lists = one.pairs_are_lists
        more = "Une ligne chacun" + (" : « nom = lecteur | lecteur »." if lists else ".")
    elif get_origin(one.annotation) is list:
        more = "Un par ligne."
    for written, typed in _REWORDED.items():
        hint = hint.replace(written, typed)
    return _capital(label), _capital(". ".join(filter(None, (hint, more))))


def _without_toml(hint: str) -> str:
    """Return the hint with its TOML examples as they are typed in the form."""

    def typed(found: re.Match[str]) -> str:
        try:
            table = tomllib.loads(f"x = {found[0]}")["x"]
        except tomllib.TOMLDecodeError:
            return found[0]
        return f"« {_as_typed(table)} »"

    return re.sub(r"\{ [^{}=]* = [^{}]* \}", typed, hint)


def _as_typed(value: Any) -> str:
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


def _without_none(annotation: Any) -> Any:
    """Return the type without None."""
    if get_origin(annotation) in (Union, UnionType):
        kinds = [one for one in get_args(annotation) if one is not type(None)]
        if len(kinds) == 1:
            annotation = kinds[0]
    # `Annotated[X, …]` inside an optional type keeps its metadata: the type is X.
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
