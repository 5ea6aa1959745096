"""A period, as evidence and sections show it: French elides `de` before a vowel."""

import pytest

from search_api.templating import _environment

pytestmark = pytest.mark.experts


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        ("2021-02-03", "2026-01-05", "de février 2021 à janvier 2026"),
        ("2021-04-03", "2026-01-05", "d’avril 2021 à janvier 2026"),
        ("2021-08-03", "2026-01-05", "d’août 2021 à janvier 2026"),
        ("2021-10-03", "2026-01-05", "d’octobre 2021 à janvier 2026"),
        ("2026-01-03", "2026-01-05", "janvier 2026"),
        (None, "2026-01-05", "janvier 2026"),
        (None, None, "sans date"),
    ],
)
def test_a_period_is_french(first: str | None, last: str | None, shown: str) -> None:
    notes = _environment.get_template("_notes.html").module
    assert notes.period(first, last).strip() == shown  # type: ignore[attr-defined]
