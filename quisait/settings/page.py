"""`docs/reglages.md`, from the settings' own descriptions: `quisait schema settings`."""

import json
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from quisait.settings import Settings
from quisait.settings.initial import LISTS, TABLES

_BEGINNING = """# Les réglages

Un fichier, `quisait.toml`, dans le dossier courant (ou celui que nomment `QUISAIT_FILE` ou
`quisait --config CHEMIN …`) ; `quisait init` en écrit un, commenté. Sans lui, aucune commande
ne lit ni n'écrit rien. Une variable d'environnement l'emporte sur le fichier. Un réglage inconnu
est refusé ; `quisait check` nomme une variable inconnue. Les chemins sont relatifs au fichier.

Un secret peut tenir dans un fichier à lui : `QUISAIT_SECRETS` nomme un dossier, où le fichier
`server__token_key` donne `token_key` de `[server]`, et `database_password` le réglage de ce nom.
L'environnement l'emporte sur ces fichiers, et eux sur `quisait.toml`.

Cette page est écrite par `quisait schema settings`.
"""

_REPEATED = {
    "roles": """
Les rôles se suivent, une table `[[roles]]` chacun (docs/roles.md). La variable `QUISAIT_ROLES`,
une liste en JSON, les remplace tous.
""",
    "sources": """
Les sources se suivent, une table `[[sources]]` chacune. La variable `QUISAIT_SOURCES`, une
liste en JSON, les remplace toutes.
""",
}


def settings_page() -> str:
    """Every setting: its default, the variable that overrides it, and what it is for."""
    fields = Settings.model_fields
    alone = {name: field for name, field in fields.items() if name not in (*TABLES, *LISTS)}
    pieces = [_BEGINNING, "\n## En tête du fichier\n\n", *_rows(alone, "QUISAIT_")]
    for name in TABLES:
        model = fields[name].annotation
        assert isinstance(model, type)  # noqa: S101 - each table is a model
        pieces += _table(f"[{name}]", model, f"QUISAIT_{name.upper()}__")
    for name, model in LISTS.items():
        pieces += _table(f"[[{name}]]", model, "")
        pieces.append(_REPEATED[name])
    return "".join(pieces)


def _table(header: str, model: type[BaseModel], prefix: str) -> list[str]:
    return [f"\n## `{header}`\n\n{model.__doc__}\n\n", *_rows(model.model_fields, prefix)]


def _rows(fields: dict[str, FieldInfo], prefix: str) -> list[str]:
    """A Markdown table; without a prefix no variable overrides one setting alone."""
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
