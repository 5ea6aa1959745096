"""Documents written from the settings' descriptions: a first `quisait.toml`, docs/reglages.md."""

import json
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from connectors.installed import installed_connectors, load_kind
from connectors.ports import SourceRefused
from quisait.features import settings_parts
from quisait.settings import Settings
from quisait.settings.sources import RoleSettings, SourceSettings
from quisait.settings.types import SettingsTable

TABLES: dict[str, type[BaseModel]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, SettingsTable)
}
"""The tables of the settings file with their models, in their order in the file."""
_REPEATED_PARTS = {name: part for name, part in settings_parts().items() if part.repeated}
LISTS: dict[str, type[BaseModel]] = {
    "roles": RoleSettings,
    **{name: part.model for name, part in _REPEATED_PARTS.items()},
    "sources": SourceSettings,
}
"""The tables that may be repeated, with their models."""
_EXAMPLES: dict[str, dict[str, Any]] = {
    "roles": {"role": "officer", "agents": ["ag-0001"]},
    "sources": {"name": "notes", "kind": "folder", "path": "documents", "allowed": ["everyone"]},
    **{name: dict(part.example) for name, part in _REPEATED_PARTS.items()},
}
_ONE_EACH = {
    "roles": "# Une table par rôle donné.",
    "sources": "# Une table par source.",
    **{name: f"# {part.each}" for name, part in _REPEATED_PARTS.items()},
}


def initial_file() -> str:
    """Return a `quisait.toml` with every default and description, and an example source."""
    lines = ["# Réglages de quisait. Une variable d'environnement l'emporte sur chaque ligne :"]
    lines += ["# QUISAIT_SERVER__PORT=8080 pour « port » de [server].", ""]
    fields = Settings.model_fields
    for name, field in fields.items():
        if name not in (*TABLES, *LISTS):
            lines += _toml_setting(name, field)
    for table, model in TABLES.items():
        lines += ["", *_toml_table(f"[{table}]", model)]
    for name, model in LISTS.items():
        lines += ["", _ONE_EACH[name]]
        lines += [f"# {line}" for line in _toml_table(f"[[{name}]]", model, _EXAMPLES[name])]
    return "\n".join(lines) + "\n"


SHORT_FILE = """\
# Réglages de quisait : ce qu'il faut pour commencer. « quisait init --print » les montre tous.

[directory]
agents = "agents.csv"     # id;given_name;family_name;metier;departement;accounts
# groups = "groupes.csv"  # principal;label;members

[server]
reader = "token"          # « demo » : sans connexion, l'agent se choisit en haut des pages

[topics]
file = ""                 # liste des sujets et métiers (.csv ou SKOS)

# Une table par source ; « quisait source add » en ajoute une après l'avoir essayée.
# [[sources]]
# name = "notes"
# kind = "folder"
# path = "documents"
# allowed = ["everyone"]
"""
"""The settings file of `quisait init --short`."""


def _toml_table(
    header: str, model: type[BaseModel], example: dict[str, Any] | None = None
) -> list[str]:
    lines = [f"# {model.__doc__}", header]
    for name, field in model.model_fields.items():
        lines += _toml_setting(name, field, (example or {}).get(name))
    return lines


def _toml_setting(name: str, field: FieldInfo, value: Any = None) -> list[str]:
    shown = field.default if value is None else value
    text = json.dumps(shown, ensure_ascii=False)
    if get_origin(field.annotation) is list and not shown:
        text = "[]"
    return [f"# {field.description}", f"{name} = {text}"]


_BEGINNING = """# Les réglages

Un fichier, `quisait.toml`, dans le dossier courant (ou celui que nomment `QUISAIT_FILE` ou
`quisait --config CHEMIN …`) ; `quisait init` en écrit un, commenté. Sans lui, aucune commande
ne lit ni n'écrit rien. Une variable d'environnement l'emporte sur le fichier. Un réglage inconnu
est refusé ; `quisait check` nomme une variable inconnue. Les chemins sont relatifs au fichier.

Un secret tient dans un fichier à lui, du dossier `secrets` à côté de `quisait.toml`, ou de celui
que nomme `QUISAIT_SECRETS` : `server__token_key` donne `token_key` de `[server]`, et
`database_password` le réglage de ce nom. L'environnement l'emporte sur ces fichiers, et eux sur
`quisait.toml`.

Cette page est écrite par `python -m quisait.settings.documentation`.
"""

_REPEATED = {
    "roles": """
Les rôles se suivent, une table `[[roles]]` chacun (docs/connexion.md). La variable `QUISAIT_ROLES`,
une liste en JSON, les remplace tous.
""",
    "sources": """
Les sources se suivent, une table `[[sources]]` chacune. La variable `QUISAIT_SOURCES`, une
liste en JSON, les remplace toutes.
""",
    **{name: f"\n{part.about}\n" for name, part in _REPEATED_PARTS.items()},
}


def settings_page() -> str:
    """Return docs/reglages.md: every setting with its default, variable and description."""
    fields = Settings.model_fields
    alone = {name: field for name, field in fields.items() if name not in (*TABLES, *LISTS)}
    pieces = [_BEGINNING, "\n## En tête du fichier\n\n", *_markdown_rows(alone, "QUISAIT_")]
    for name, model in TABLES.items():
        pieces += _markdown_table(f"[{name}]", model, f"QUISAIT_{name.upper()}__")
    for name, model in LISTS.items():
        pieces += _markdown_table(f"[[{name}]]", model, "")
        pieces.append(_REPEATED[name])
    return "".join(pieces)


def _markdown_table(header: str, model: type[BaseModel], prefix: str) -> list[str]:
    return [f"\n## `{header}`\n\n{model.__doc__}\n\n", *_markdown_rows(model.model_fields, prefix)]


def _markdown_rows(fields: dict[str, FieldInfo], prefix: str) -> list[str]:
    """Return a Markdown table; without `prefix` it has no column of variables."""
    heads = ["réglage", "par défaut", "ce que c'est", *(["variable"] if prefix else [])]
    lines = [heads, ["---"] * len(heads)]
    for name, field in fields.items():
        variable = [f"`{prefix}{name.upper()}`"] if prefix else []
        lines.append([f"`{name}`", _default(field), str(field.description), *variable])
    return [f"| {' | '.join(cells)} |\n" for cells in lines]


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if value is PydanticUndefined:
        return "à donner"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def settings_without_secrets(settings: Settings) -> str:
    """Return the settings that differ from the defaults as a `quisait.toml`, without secrets."""
    written = _without_secrets(settings, settings.model_dump(mode="json", exclude_defaults=True))
    lines = ["# Réglages de la sauvegarde, sans aucun secret."]
    lines += [
        f"{name} = {toml_value(value)}" for name, value in written.items() if name not in TABLES
    ]
    for name in TABLES:
        if table := written.get(name):
            lines += [
                "",
                f"[{name}]",
                *(f"{key} = {toml_value(value)}" for key, value in table.items()),
            ]
    return "\n".join(lines) + "\n"


def _without_secrets(model: BaseModel, dumped: dict[str, Any]) -> dict[str, Any]:
    """Return the dumped settings without fields that must not be shown."""
    kept = {}
    for name, value in dumped.items():
        field, own = type(model).model_fields[name], getattr(model, name)
        may_be_shown = field.repr or (isinstance(model, SourceSettings) and _shows_options(model))
        if not may_be_shown or value is None:
            continue
        if isinstance(own, BaseModel):
            value = _without_secrets(own, value)
        elif isinstance(own, list) and own and isinstance(own[0], BaseModel):
            value = [_without_secrets(one, each) for one, each in zip(own, value, strict=True)]
        kept[name] = value
    return kept


def _shows_options(source: SourceSettings) -> bool:
    """Return whether the options of a source, its only hidden setting, contain no secret."""
    try:
        return source.kind in installed_connectors() and (
            load_kind(source.kind).has_no_secret_option
        )
    except SourceRefused:
        return False


def toml_value(value: Any) -> str:
    """Return the value in TOML, tables on one line."""
    if isinstance(value, dict):
        pairs = (f"{_toml_text(key)} = {toml_value(one)}" for key, one in value.items())
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return _toml_text(value) if isinstance(value, str) else json.dumps(value)


def _toml_text(text: str) -> str:
    """Return a TOML string: JSON, with the delete character escaped too (TOML 1.0, strings)."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


if __name__ == "__main__":
    print(settings_page(), end="")
