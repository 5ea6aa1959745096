"""A pytest plugin: runs a test once per check (`connector_check`) or fault (`connector_lie`).

A test passes its harness, a source that may be changed (`ConnectorHarness`), to either:

    def test_contract(connector_check, harness):
        connector_check(harness)

    def test_contract_notices_a_lie(connector_lie, harness):
        connector_lie(harness)
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

pytest.register_assert_rewrite("quisait_connector_kit.connector_contract")

# Imported here: pytest rewrites only modules that are loaded after the call above.
from quisait_connector_kit.connector_contract import CHECKS, ConnectorHarness  # noqa: E402
from quisait_connector_kit.lying_connectors import LIES, Lie, lying  # noqa: E402


@dataclass(frozen=True, slots=True)
class NoticedLie:
    """Runs a check on a connector with one fault; fails if the check does not notice it."""

    check: Callable[[ConnectorHarness], None]
    lie: Lie

    def __call__(self, harness: ConnectorHarness) -> None:
        """Raise `pytest.fail.Exception` if the check passes in spite of the fault."""
        try:
            self.check(lying(harness, self.lie))
        except AssertionError:
            return
        pytest.fail(
            "The contract does not notice the fault that this test is named after: what the "
            "harness adds lacks what the fault takes away, such as a date or a contribution."
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize a test with all checks, or with all faulty connectors."""
    if "connector_check" in metafunc.fixturenames:
        metafunc.parametrize("connector_check", list(CHECKS.values()), ids=list(CHECKS))
    if "connector_lie" in metafunc.fixturenames:
        lies = [NoticedLie(CHECKS[check], lie) for check, _, lie in LIES]
        ids = [f"{check}-{how}" for check, how, _ in LIES]
        metafunc.parametrize("connector_lie", lies, ids=ids)
