"""Every test is in a part that is run, and a failure in any part fails the run."""

import re
from pathlib import Path

import pytest

from tests import needs, run_all, soak_parts
from tests.pages.states import STATES

pytestmark = pytest.mark.sources


@pytest.mark.parametrize(
    ("statuses", "status"),
    [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([0, 5], 0), ([5, 0], 0), ([5, 5], 5), ([5, 1, 0], 1)],
)
def test_a_failure_in_any_part_fails(statuses: list[int], status: int) -> None:
    """A part in which no test was selected does not, unless there was none in the others either."""
    assert run_all.status_of(statuses) == status


def test_every_test_is_in_a_part_that_is_run(request: pytest.FixtureRequest) -> None:
    """Each collected test is in a part of `make test`, or in one of `make soak`."""
    assert set(run_all.PYTEST_ARGUMENTS) == set(needs.Part)
    parts = [needs.parts_of(item) for item in request.session.items]
    assert all(parts)
    assert set().union(*parts) <= {*needs.Part, *soak_parts.PARTS}
    assert needs.parts_of(request.node) == {needs.Part.TOGETHER}


def test_every_rule_names_files_that_are_there() -> None:
    """A file that was renamed would come into `make test` unseen."""
    patterns = [pattern for _, _, pattern in soak_parts._RULES]
    named = {one for pattern in patterns for one in re.findall(r"tests/\w+/[\w]*", pattern)}
    root = Path(needs.__file__).parent.parent
    assert [one for one in sorted(named) if not any(root.glob(f"{one}*"))] == []
    assert set(soak_parts.STATES) <= {state.name for state in STATES}
