"""A first `quisait.toml`, commented from the settings' own descriptions."""

import json
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from quisait.settings import Settings, SourceSettings
from quisait.settings.roles import RoleSettings

TABLES = (
    "index",
    "encoder",
    "extractor",
    "server",
    "sign_on",
    "oidc",
    "signed_header",
    "pages",
    "door",
    "embed",
    "push",
    "directory",
    "ldap",
    "access",
    "authorities",
    "search",
    "topics",
    "run",
    "metrics",
    "journal",
    "privacy",
    "log",
)
"""The tables of the file, in the order in which it is read."""
LISTS: dict[str, type[BaseModel]] = {"roles": RoleSettings, "sources": SourceSettings}
"""The tables that are repeated, one for each of a kind."""
_EXAMPLES: dict[str, dict[str, Any]] = {
    "roles": {"role": "officer", "agents": ["ag-0001"]},
    "sources": {"name": "notes", "kind": "folder", "path": "documents", "allowed": ["everyone"]},
}
_ONE_EACH = {"roles": "# Une table par rôle donné.", "sources": "# Une table par source."}


def initial_file() -> str:
    """Every setting with its default and what it is for; a first source as an example."""
    lines = ["# Réglages de quisait. Une variable d'environnement l'emporte sur chaque ligne :"]
    lines += ["# QUISAIT_SERVER__PORT=8080 pour « port » de [server].", ""]
    fields = Settings.model_fields
    for name, field in fields.items():
        if name not in (*TABLES, *LISTS):
            lines += _setting(name, field)
    for table in TABLES:
        model = fields[table].annotation
        assert isinstance(model, type)  # noqa: S101 - each table is a model
        lines += ["", *_table(f"[{table}]", model)]
    for name, model in LISTS.items():
        lines += ["", _ONE_EACH[name]]
        lines += [f"# {line}" for line in _table(f"[[{name}]]", model, _EXAMPLES[name])]
    return "\n".join(lines) + "\n"


def _table(header: str, model: type[BaseModel], example: dict[str, Any] | None = None) -> list[str]:
    lines = [f"# {model.__doc__}", header]
    for name, field in model.model_fields.items():
        lines += _setting(name, field, (example or {}).get(name))
    return lines


def _setting(name: str, field: FieldInfo, value: Any = None) -> list[str]:
    shown = field.default if value is None else value
    text = json.dumps(shown, ensure_ascii=False)
    if get_origin(field.annotation) is list and not shown:
        text = "[]"
    return [f"# {field.description}", f"{name} = {text}"]
