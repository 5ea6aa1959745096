"""`quisait check` reports the copies of an index, and fails if a copy is missing."""

from dataclasses import replace

import pytest

from indexer.cluster_health import ClusterHealth
from quisait.checks.cluster import copies_text

WHOLE = ClusterHealth(
    nodes=3,
    data_nodes=3,
    shards=4,
    lost=0,
    missing=0,
    moving=0,
    replicas=1,
    shut_without_leader=True,
)
ALONE = replace(WHOLE, nodes=1, data_nodes=1, replicas=0, shut_without_leader=False)


@pytest.mark.parametrize(
    ("health", "wanted", "said"),
    [
        (WHOLE, 1, "3 nœuds de données ; 4 partitions, 1 copie de chacune"),
        (WHOLE, None, "3 nœuds de données ; 4 partitions, 1 copie de chacune"),
        (ALONE, None, "1 nœud de données ; 4 partitions, 0 copie de chacune"),
        (replace(WHOLE, moving=2), 1, "1 copie de chacune ; copies en cours : 2"),
        (WHOLE, 2, "réglages : 2, que la prochaine lecture pose"),
        (replace(WHOLE, replicas=0), None, "réglez [index] replicas"),
        (replace(WHOLE, shut_without_leader=False), 1, "no_cluster_manager_block: all"),
    ],
)
def test_a_cluster_that_serves_passes(health: ClusterHealth, wanted: int | None, said: str) -> None:
    """With what could be better said beside it."""
    assert said in copies_text(health, wanted)


def test_nothing_is_said_of_what_is_as_it_should_be() -> None:
    """One node has no copies and no others to be cut from."""
    assert copies_text(ALONE, 0) == "1 nœud de données ; 4 partitions, 0 copie de chacune"


@pytest.mark.parametrize(
    ("health", "said"),
    [
        (replace(WHOLE, lost=1, missing=1), "partitions sans aucune copie : 1 sur 4"),
        (replace(ALONE, replicas=1, missing=4), r"copies sans place : 4.*replicas = 0"),
        (replace(WHOLE, replicas=3, missing=4), r"copies sans place : 4.*replicas = 2"),
        (replace(WHOLE, data_nodes=2, missing=2), "copies manquantes : 2"),
    ],
)
def test_a_copy_that_is_missing_fails(health: ClusterHealth, said: str) -> None:
    """With what to do."""
    with pytest.raises(ValueError, match=said):
        copies_text(health, 1)
