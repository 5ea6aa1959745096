"""Print a command's result as text or as JSON; the option `--json`."""

import json
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from importlib import import_module
from typing import Annotated, Any, TypeVar

import typer

from search_api.plain_text import safe_json, safe_text

AsJson = Annotated[bool, typer.Option("--json", help="Résultat en JSON, pour un programme")]
AsAgent = Annotated[
    str, typer.Option("--agent", help="Identifiant de l'agent qui lit", show_default=False)
]
Found = TypeVar("Found")


def show(found: Found, as_json: bool, text: Callable[[Found], str], schema: str = "") -> None:
    """Print a result as text or as JSON.

    `schema` names the API's model of the result, or of each item of a list, like
    `topics.schemas:PeersBody`. The model is only imported for JSON, because loading it takes half a
    second.
    """
    if not as_json:
        print(safe_text(text(found)))
    elif not schema:
        print_json(found)
    else:
        module, _, name = schema.partition(":")
        model = getattr(import_module(f"search_api.{module}"), name)
        if isinstance(found, list | tuple):
            print_json([model.model_validate(one) for one in found])
        else:
            print_json(model.model_validate(found))


def print_json(value: Any) -> None:
    """Print plain values, dataclasses and pydantic models as JSON."""
    print(safe_json(json.dumps(value, ensure_ascii=False, default=_plain, indent=2)))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else str(value)
