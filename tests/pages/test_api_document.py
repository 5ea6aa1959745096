"""docs/api.md names every field and every deprecated address.

Its commands are run on the demo (`tests/pages/test_whole_demo.py`).
"""

import re
from pathlib import Path

import pytest

from search_api.deprecations import DEPRECATED
from search_api.openapi import VERSION
from tests.pages.test_openapi import Schema, api, reached

pytestmark = pytest.mark.pages

__all__ = ["api"]

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")


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
