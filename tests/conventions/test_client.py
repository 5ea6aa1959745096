"""The client in `clients/python` is that of the API as it is."""

import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "python"
sys.path.insert(0, str(CLIENT))

import generate  # noqa: E402 - beside the client, which is no package of the application
from quisait_client import ApiError, Client  # noqa: E402

from tests.pages.conftest import NOW_S, TOKENS, parts, token_app  # noqa: E402

pytestmark = pytest.mark.pages

__all__ = ["parts", "token_app"]

REMEDY = "the API changed: run `make client`, and say it in docs/api.md"


def test_the_client_was_written_from_the_present_description() -> None:
    schema = generate.public_schema()
    assert generate.digest(schema) == generate.DIGEST.read_text("utf-8").strip(), REMEDY
    written = (generate.PACKAGE / "client.py").read_text("utf-8")
    assert generate.client_text(schema) == written, REMEDY


def test_it_asks_and_reads(token_app: object) -> None:
    """Values with types; a problem is an exception with its code."""
    http = TestClient(token_app)  # type: ignore[arg-type]
    client = Client("http://testserver", TOKENS.make("ag-1", NOW_S), http=http)
    found = client.search(q="dégrèvement", kind=["fiche"], page_size=5)
    first = found.documents[0]
    assert (first.id, first.kind_label) == ("wiki:degrevement", "fiche")
    assert client.document(first.id).title == first.title
    assert client.experts(q="dégrèvement").instead is False
    with pytest.raises(ApiError) as unknown:
        client.document("wiki:jamais/vu?")
    assert (unknown.value.status, unknown.value.code) == (404, "not_found")
    with pytest.raises(ApiError) as nobody:
        Client("http://testserver", http=http).search(q="x")
    assert nobody.value.status == 401
