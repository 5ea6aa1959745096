"""The plugin: a test that takes `connector_check` or `connector_lie` runs once for each of them.

A test hands either its harness, a source that may be changed (`ConnectorHarness`):

    def test_contract(connector_check, harness):
        connector_check(harness)

    def test_contract_notices_a_lie(connector_lie, harness):
        connector_lie(harness)
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

pytest.register_assert_rewrite("connectors.testing.connector_contract")

# Imported after: only modules that are loaded later are rewritten.
from connectors.testing.connector_contract import CHECKS, ConnectorHarness  # noqa: E402
from connectors.testing.lying_connectors import LIES, Lie, LyingConnectorHarness  # noqa: E402


@dataclass(frozen=True, slots=True)
class NoticedLie:
    """Calls a check on a connector with one fault; fails where the check does not notice it."""

    check: Callable[[ConnectorHarness], None]
    lie: Lie

    def __call__(self, harness: ConnectorHarness) -> None:
        """Raises `pytest.fail.Exception` if the check passes all the same."""
        with pytest.raises(AssertionError):
            self.check(LyingConnectorHarness(harness, self.lie))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each check, and for each lie."""
    if "connector_check" in metafunc.fixturenames:
        metafunc.parametrize("connector_check", list(CHECKS.values()), ids=list(CHECKS))
    if "connector_lie" in metafunc.fixturenames:
        lies = [NoticedLie(CHECKS[check], lie) for check, _, lie in LIES]
        ids = [f"{check}-{how}" for check, how, _ in LIES]
        metafunc.parametrize("connector_lie", lies, ids=ids)
