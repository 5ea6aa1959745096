"""One test over many cases, which names every case that fails."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest

Case = TypeVar("Case")


def each(cases: Iterable[tuple[object, Case]], check: Callable[[Case], None]) -> None:
    """Run the check on every case; raise `AssertionError` with the names of all that failed."""
    tried, failed = 0, []
    for name, case in cases:
        tried += 1
        try:
            check(case)
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - the others are tried too
            failed.append(f"{name}: {type(error).__name__}: {error}")
    assert tried, "no case"
    assert not failed, "\n".join(failed)
