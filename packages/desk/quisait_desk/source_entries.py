"""Read the values typed in the form of a source, or in a command, and find those that are wrong.

A fault is the field's key in the form and a French message; the key is empty for a general fault.
"""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from connectors.installed import load_kind
from connectors.options import names_readers
from connectors.values import EVERYONE
from quisait.settings import Settings
from quisait.settings.sources import BUILT_IN_KINDS, SourceSettings
from quisait.settings.types import faults_by_place
from quisait_desk.settings_addition import sources_in_file
from quisait_desk.source_forms import (
    NOBODY_WORD,
    OPTIONS,
    PASSWORD_FILE,
    ROW_NAME,
    AskedField,
    KindForm,
    kind_form,
    offered_kinds,
    row_numbers,
)
from quisait_desk.values import Entered, SourceStep

_EVERYBODY_WORDS = frozenset({"tous", "tous les agents"})
_WITH_ACCOUNT = re.compile(r"(?<=://)[^/@\s]*@")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_PRINCIPAL = re.compile(r"agent:\S.*|[^:\s]+:[^:\s]+:\S.*")
_QUOTED = re.compile(r"« (\w+) »")


def without_accounts(entered: Entered) -> dict[str, str]:
    """Return the typed values without the account and password of an address."""
    return {key: _WITH_ACCOUNT.sub("", value) for key, value in entered.items()}


def source_values(kind: KindForm, entered: Entered) -> dict[str, Any]:
    """Return the source's table; it names the password's file if an account is used."""
    typed = typed_values(kind, entered)
    first = {"name": typed.pop("name", ""), "kind": kind.offered.name}
    options = typed.pop("options", {})
    asks_user = any(one.name == "user" for one in kind.fields)
    file = entered.get(PASSWORD_FILE, "").strip()
    if kind.credential and file and (not asks_user or {"user"} & {*typed, *options}):
        typed[PASSWORD_FILE] = file
    return {**first, **typed, **({"options": options} if options else {})}


def entered_by_command(kind_name: str, given: Sequence[str]) -> dict[str, str]:
    """Return a command's `réglage=valeur` arguments as entries of the form.

    A repeated setting gets one line per value. Raises `ValueError` with a sentence.
    """
    try:
        kind = kind_form(kind_name)
    except KeyError:
        known = ", ".join(one.name for one in offered_kinds())
        raise ValueError(f"Sorte de source inconnue : {kind_name}. Connues : {known}.") from None
    keys = {one.key.removeprefix(OPTIONS): one.key for one in kind.fields}
    told = ", ".join([*keys, PASSWORD_FILE] if kind.credential else keys)
    keys[PASSWORD_FILE] = PASSWORD_FILE
    entered = {"kind": kind_name}
    for one in given:
        name, sign, value = one.partition("=")
        first, _, row = name.removeprefix(OPTIONS).partition(".")
        if not sign or first not in keys:
            raise ValueError(
                f"« {one} » n'est pas réglage=valeur ; réglages de cette sorte : {told}."
            )
        key = keys[first] + (f".{row}" if row else "")
        entered[key] = f"{entered[key]}\n{value}" if key in entered else value
    return entered


def typed_values(form: KindForm, entered: Entered) -> dict[str, Any]:
    """Return the typed settings, without values equal to their default."""
    values: dict[str, Any] = {}
    for one in form.fields:
        if (value := _typed(one, entered)) is not None:
            table = values.setdefault("options", {}) if one.key.startswith(OPTIONS) else values
            table[one.name] = value
    return values


def _typed(one: AskedField, entered: Entered) -> Any:
    """Return a field's value, None if nothing or its default was typed."""
    if one.rows is None:
        value = _typed_value(one, entered.get(one.key, "").strip())
    else:
        value = _typed_rows(one, entered)
    return None if not one.field.is_required() and value == one.field.default else value


def _typed_rows(table: AskedField, entered: Entered) -> dict[str, Any] | None:
    rows: dict[str, Any] = {}
    for number in sorted(row_numbers(table.key, entered)):
        cells = {cell.name: _typed(cell, entered) for cell in table.cells(number)}
        name = entered.get(f"{table.key}.{number}.{ROW_NAME}", "").strip()
        rows[name] = {cell: value for cell, value in cells.items() if value is not None}
    return rows or None


def _typed_value(one: AskedField, text: str) -> Any:
    """Return the value, None if nothing was typed, or the text if it is not of the field's type."""
    kind, origin = one.annotation, get_origin(one.annotation)
    if not text:
        return None
    if origin is list:
        readers = one.step is SourceStep.READERS or names_readers(one.field)
        return _typed_list(text.splitlines(), readers=readers)
    if origin is dict:
        return _typed_pairs(one, text)
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
    if not readers:
        return found
    if [one.lower() for one in found] == [NOBODY_WORD]:
        return []
    return [EVERYONE if one.lower() in _EVERYBODY_WORDS else one for one in found]


def _typed_pairs(one: AskedField, text: str) -> dict[str, Any]:
    """Return one pair per line; a line without « = » has an empty value, which is refused later."""
    found: dict[str, Any] = {}
    kind = one.pair_value
    words = [word for part in (kind, *get_args(kind)) for word in get_args(part)]
    for line in filter(None, map(str.strip, text.splitlines())):
        sign = " = " if " = " in line else "="
        name, _, value = line.rpartition(sign) if sign in line else (line, "", "")
        value = value.strip().strip('"')
        if one.pairs_are_lists and value not in words:
            found[name.strip()] = _typed_list(value.split("|"), readers=True)
        else:
            found[name.strip()] = value
    return found


def entry_faults(settings: Settings, kind: KindForm, entered: Entered) -> Iterator[tuple[str, str]]:
    """Yield faults of the name, of readers, and of addresses with an account."""
    name = entered.get("name", "").strip()
    taken = {one.name for one in settings.sources} | {one["name"] for one in sources_in_file()}
    if name in taken:
        yield "name", f"Une source s’appelle déjà « {name} » : choisissez un autre nom."
    # Both would get the same QUISAIT_PASSWORD_… variable.
    if any(one.replace("-", "_") == name.replace("-", "_") for one in taken):
        yield (
            "name",
            "Une autre source a ce nom, aux tirets près : elles auraient le même mot de passe. "
            "Choisissez un autre nom.",
        )
    if name == "questions":
        yield "name", "Ce nom est celui des questions posées ici : choisissez-en un autre."
    if name and not _NAME.fullmatch(name):
        yield (
            "name",
            "Écrivez un nom en minuscules sans accent, chiffres et tirets, sans espace, comme "
            "« notes ».",
        )
    for reader in typed_values(kind, entered).get("allowed", ()):
        if reader != EVERYONE and not _PRINCIPAL.fullmatch(reader):
            yield (
                "allowed",
                f"« {reader} » n’est pas un lecteur : écrivez « tous les agents », ou "
                "l’identifiant d’un groupe, comme « annuaire:group:inspection ».",
            )
    for key, text in entered.items():
        if _WITH_ACCOUNT.search(text):
            yield (
                key,
                "Un compte et son mot de passe ne s’écrivent pas dans une adresse : ils en ont été "
                "retirés. L’étape « Compte » dit où les donner.",
            )


def settings_faults(kind: KindForm, entered: Entered) -> Iterator[tuple[str, str]]:
    """Yield faults of values that the settings, or the options of the kind, refuse."""
    values = source_values(kind, entered)
    tables: list[tuple[type[BaseModel], Any, str]] = [(SourceSettings, values, "")]
    if kind.offered.name not in BUILT_IN_KINDS:
        options = values.get("options", {})
        tables.append((load_kind(kind.offered.name).options, options, OPTIONS))
    keys = {one.name: one.key for one in kind.fields}
    for model, table, prefix in tables:
        try:
            model.model_validate(table)
        except ValidationError as error:
            for place, fault in faults_by_place(error):
                key = _key_at(kind, place, entered, prefix)
                if prefix and not key:
                    key = next((keys[name] for name in _QUOTED.findall(fault) if name in keys), "")
                yield key, fault


def _key_at(kind: KindForm, place: tuple[int | str, ...], entered: Entered, prefix: str) -> str:
    """Return the field at a place in a table of the settings; empty if there is none."""
    found = (one for one in kind.fields if place and one.key == f"{prefix}{place[0]}")
    if (one := next(found, None)) is None:
        return ""
    if one.rows is None:
        return one.key
    if len(place) == 1:
        return f"{one.key}.0.{ROW_NAME}"
    rows = sorted(row_numbers(one.key, entered))
    row = next(
        (n for n in rows if entered.get(f"{one.key}.{n}.{ROW_NAME}", "").strip() == place[1]),
        rows[0] if rows else 0,
    )
    cell = next((str(p) for p in place[2:] if p in one.rows.model_fields), ROW_NAME)
    return f"{one.key}.{row}.{cell}"
