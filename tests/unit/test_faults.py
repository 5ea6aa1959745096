"""French messages for values that pydantic refused: without a code and without the value."""

from collections.abc import Iterator
from datetime import date
from typing import Any, cast, get_args

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import core_schema
from quisait_export.schema import ExportLine
from quisait_lasuite import scim_values as scim
from quisait_lasuite.documents import _FindDocument
from quisait_lasuite.find_routes import FindQuery

from connectors.faults import MESSAGES, expected
from indexer.access import NOBODY
from search_api.app import Services, create_app
from tests.pages.access_routes import each_route

pytestmark = pytest.mark.pages

CODES = get_args(core_schema.ErrorType)
WRONG: list[Any] = [3, 1.5, -1, 10**400, True, None, "zz\x00secret", "x" * 5000, "", [1],
         ["secret"] * 1100, {"secret": 1}, [{}], "2026-01-01", "2026-01-01T00:00:00"]  # fmt: skip


def models() -> Iterator[type[BaseModel]]:
    """The bodies that the API reads."""
    nothing = cast(Any, None)
    services = Services(
        nothing, nothing, reader_of=lambda _: NOBODY, today=lambda: date(2026, 1, 1)
    )
    for route in each_route(create_app(services).routes):
        for field in route.dependant.body_params if hasattr(route, "dependant") else ():
            kind = field.field_info.annotation
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield kind
    yield from get_args(ExportLine)
    yield from (FindQuery, _FindDocument, scim._Group)


def faults() -> Iterator[Any]:
    for model in dict.fromkeys(models()):
        for name in model.model_fields:
            for wrong in WRONG:
                try:
                    TypeAdapter(model).validate_python({name: wrong, "inconnu": 1})
                except ValidationError as error:
                    yield from error.errors()


def test_what_the_api_refuses_is_said_in_words() -> None:
    met = set()
    for fault in faults():
        said = expected(fault)
        met.add(fault["type"])
        assert not any(code in said for code in CODES if "_" in code), said
        assert "secret" not in said
        assert "{" not in said
    assert len(met) > 15
    # What a validator of our own says may repeat the value: it is said in general words.
    assert met - set(MESSAGES) <= {"value_error", "assertion_error"}


def test_an_unknown_fault_is_said_too() -> None:
    assert expected({"type": "complex_type", "loc": ("x",)}) == "valeur refusée"
