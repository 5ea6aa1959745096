"""docs/api.md: its commands run, and it names every field and every deprecated address."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi import FastAPI

from search_api.deprecations import DEPRECATED
from search_api.openapi import VERSION
from tests.pages.conftest import NOW_S, TOKENS, served
from tests.pages.test_openapi import Schema, api, reached

pytestmark = pytest.mark.pages

__all__ = ["api"]

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")
CLIENT = ROOT / "clients" / "python"


def test_its_commands_run(token_app: FastAPI) -> None:
    """From the first to the last, as somebody who reads it would; none fails."""
    # What follows is tried in tests/service/test_webhooks.py.
    blocks = re.findall(r"```(sh|python)\n(.*?)```", PAGE.partition("## Être averti")[0], re.DOTALL)
    assert len(blocks) >= 5
    with served(token_app) as address:
        given = {
            "QUISAIT": address,
            "JETON": TOKENS.make("ag-1", NOW_S),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{CLIENT}:{os.environ.get('PYTHONPATH', '')}",
            "NO_PROXY": "*",
        }
        said = []
        for language, text in blocks:
            command = ["bash", "-euc", text] if language == "sh" else [sys.executable, "-c", text]
            ran = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60)
            assert ran.returncode == 0, (text, ran.stdout, ran.stderr)
            said.append(ran.stdout)
    assert all("Dégrèvement" in one for one in said[1:])
    assert "404 not_found" in said[-1]


@pytest.mark.parametrize("body", ["SearchBody", "ExpertsBody"])
def test_it_says_every_field(api: Schema, body: str) -> None:
    schemas = api["components"]["schemas"]
    for name in reached(api, body):
        part = re.search(rf"^### {name}\n(.*?)(?=^##)", PAGE, re.DOTALL | re.MULTILINE)
        line = re.search(rf"^.*`{name}`.*$", PAGE, re.MULTILINE)
        said = part[1] if part else line[0] if line else ""
        fields = schemas[name].get("properties", {})
        assert [field for field in fields if f"`{field}`" not in said] == [], name
    for route in ("search", "experts"):
        for one in api["paths"][f"/api/v1/{route}"]["get"]["parameters"]:
            assert f"`{one['name']}`" in PAGE


def test_it_says_what_is_deprecated_and_what_changed() -> None:
    for path, deprecation in DEPRECATED.items():
        assert f"| `{path}` | `{deprecation.successor}` |" in PAGE
    assert f"### {VERSION} (" in PAGE
