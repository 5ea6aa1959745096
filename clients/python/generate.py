"""Write the typed client of the API's public part from its description: `make client`.

The values are written by datamodel-code-generator, the calls by `client_text`. Nothing is generated
when the client is used or tested.
"""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any, cast

from quisait_moderation.web import moderation_web

from indexer.access import NOBODY
from search_api.app import Services, create_app

TAGS = frozenset({"search", "experts", "topics", "documents", "questions"})
PACKAGE = Path(__file__).parent / "quisait_client"
DIGEST = PACKAGE / "schema.sha256"
GENERATOR = "datamodel-code-generator[ruff]==0.89.0"
_TYPES = {"string": "str", "integer": "int", "boolean": "bool", "number": "float"}

Schema = dict[str, Any]


def public_schema() -> Schema:
    """Return the description of the operations of `TAGS`, with the schemas that they use."""
    nothing = cast(Any, None)
    services = Services(
        nothing,
        nothing,
        reader_of=lambda _: NOBODY,
        today=lambda: date(2026, 1, 1),
        features=(moderation_web(),),
    )
    schema = create_app(services).openapi()
    paths = {
        path: kept
        for path, methods in schema["paths"].items()
        if (kept := {name: one for name, one in methods.items() if TAGS & set(one["tags"])})
    }
    every, used, waiting = schema["components"]["schemas"], set[str](), [json.dumps(paths)]
    while waiting:
        found = set(re.findall(r"#/components/schemas/(\w+)", waiting.pop())) - used
        used |= found
        waiting += [json.dumps(every[name]) for name in found]
    components = {"schemas": {name: every[name] for name in sorted(used)}}
    return {name: schema[name] for name in ("openapi", "info")} | {
        "paths": paths,
        "components": components,
    }


def digest(schema: Schema) -> str:
    """Return the SHA-256 of the API's description, leaving out its descriptions and summaries."""
    return hashlib.sha256(json.dumps(_without_prose(schema), sort_keys=True).encode()).hexdigest()


def _without_prose(part: object) -> object:
    if isinstance(part, list):
        return [_without_prose(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        name: _without_prose(one)
        for name, one in part.items()
        if not (name in ("description", "summary") and isinstance(one, str))
    }


def client_text(schema: Schema) -> str:
    """Return the module of the client: one method for each operation."""
    methods = "\n".join(
        _method(path, method, _resolved(operation, schema["components"]["schemas"]))
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    )
    return f'''"""The calls of the API. Written by `make client`: change the API instead."""

from collections.abc import Sequence
from typing import Literal

from quisait_client import models
from quisait_client.transport import Transport


class Client(Transport):
    """A client of the API's public part, for one reader."""

{methods}'''


def _resolved(operation: Schema, schemas: Schema) -> Schema:
    """Return the operation with the enumerations of its parameters in place."""
    parameters = []
    for one in operation.get("parameters", ()):
        named = schemas.get(one["schema"].get("$ref", "").rpartition("/")[2], {})
        schema = one["schema"] | named if "enum" in named else one["schema"]
        parameters.append(one | {"schema": schema})
    return operation | {"parameters": parameters}


def _method(path: str, method: str, operation: Schema) -> str:
    parameters = operation.get("parameters", [])
    inside = [one["name"] for one in parameters if one["in"] == "path"]
    query = [one for one in parameters if one["in"] == "query"]
    said = [f"{name}: str" for name in inside]
    body = operation.get("requestBody")
    if body:
        said.append(f"body: {_type(body['content']['application/json']['schema'])}")
    if query:
        said += ["*", *(_argument(one) for one in query)]
    answer = operation["responses"].get("200", {}).get("content", {})
    returned = _type(answer["application/json"]["schema"]) if answer else "None"
    address = re.sub(r"\{(\w+)\}", r"{self.segment(\1)}", path)
    sent = [f'"{method.upper()}"', f'{"f" if inside else ""}"{address}"', returned]
    if query:
        sent.append("{" + ", ".join(f'"{one["name"]}": {one["name"]}' for one in query) + "}")
    if body:
        sent.append("body=body")
    arguments = ", ".join(["self", *said])
    text = " ".join((operation["summary"] + ".").split())
    return (
        f"    def {operation['operationId']}({arguments}) -> {returned}:\n"
        f'        """{text}"""\n'
        f"        return self.ask({', '.join(sent)})\n"
    )


def _argument(parameter: Schema) -> str:
    schema = parameter["schema"]
    if schema.get("type") == "array":
        return f"{parameter['name']}: Sequence[str] = ()"
    default = f" = {schema['default']!r}" if "default" in schema else ""
    return f"{parameter['name']}: {_type(schema)}{default}"


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return f"Literal[{', '.join(map(json.dumps, schema['enum']))}]"
    if "$ref" in schema:
        return f"models.{schema['$ref'].rpartition('/')[2]}"
    if "anyOf" in schema:
        return " | ".join(
            "None" if one.get("type") == "null" else _type(one) for one in schema["anyOf"]
        )
    return _TYPES[schema["type"]]


def _write_models(schema: Schema) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "openapi.json"
        source.write_text(json.dumps(schema), "utf-8")
        subprocess.run(  # noqa: S603 - our own command
            [Path(sys.executable).with_name("uv"), "tool", "run", "--from", GENERATOR,
             "datamodel-codegen",
             "--input", source, "--output", PACKAGE / "models.py", "--input-file-type", "openapi",
             "--output-model-type", "pydantic_v2.BaseModel", "--target-python-version", "3.11",
             "--use-union-operator", "--use-standard-collections", "--use-annotated",
             "--enum-field-as-literal", "all", "--disable-timestamp", "--use-double-quotes",
             "--use-field-description", "--collapse-root-models", "--formatters", "ruff-format",
             "--custom-file-header", '"""The values of the API. Written by `make client`."""'],
            check=True,
        )  # fmt: skip


def main() -> None:
    """Write models, calls and the digest."""
    schema = public_schema()
    _write_models(schema)
    (PACKAGE / "client.py").write_text(client_text(schema), "utf-8")
    DIGEST.write_text(digest(schema) + "\n", "utf-8")


if __name__ == "__main__":
    main()
