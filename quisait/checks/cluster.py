"""`quisait check` for OpenSearch: every node, and whether every copy of the index is allocated."""

from collections.abc import Iterator
from functools import partial

from indexer.cluster_health import ClusterHealth
from indexer.errors import IndexUnreachable
from quisait.application.engines import index_health, node_at
from quisait.application.progress import plural_count
from quisait.checks.attempt import Check, attempt
from quisait.settings import IndexSettings


def cluster_checks(settings: IndexSettings) -> Iterator[Check]:
    """Check each node, then the copies of the index."""
    for url in settings.urls:
        yield attempt(f"nœud {url}", partial(_check_node, settings, url))
    yield attempt(
        "copies de l'index", lambda: copies_text(index_health(settings), settings.wanted_replicas)
    )


def _check_node(settings: IndexSettings, url: str) -> str:
    """Return name and version. Raises `ValueError` if the node is silent, or `IndexRefused`."""
    try:
        name, version = node_at(settings, url)
    except IndexUnreachable as fault:
        raise ValueError(
            "ne répond pas : démarrez ce nœud, ou retirez son adresse de [index] url"
        ) from fault
    return f"{name}, OpenSearch {version}"


def copies_text(health: ClusterHealth, wanted: int | None) -> str:
    """Return the state of the index's copies in French; `wanted` is the settings' number, or None.

    Raises `ValueError` with the remedy if a copy is missing.
    """
    place = f"{plural_count(health.data_nodes, 'nœud')} de données"
    if health.lost:
        raise ValueError(
            f"{place} ; partitions sans aucune copie : {health.lost} sur {health.shards}. Rien "
            "n'est trouvé tant qu'elles manquent : rallumez le nœud qui les tient, sinon remettez "
            "une sauvegarde (« quisait restore »)"
        )
    if health.missing and health.replicas >= health.data_nodes:
        raise ValueError(
            f"{place} ; copies sans place : {health.missing}. Il faut un nœud de plus que de "
            f"copies ({health.replicas} demandées) : ajoutez un nœud, ou réglez [index] replicas "
            f"= {max(health.data_nodes - 1, 0)}"
        )
    if health.missing and not health.moving:
        raise ValueError(
            f"{place} ; copies manquantes : {health.missing}. Tout est trouvé, mais un nœud de "
            "moins peut en faire perdre : rallumez celui qui manque, ou attendez que les autres "
            "les refassent (une minute après son départ)"
        )
    told = [
        place,
        f"{plural_count(health.shards, 'partition')}, "
        f"{plural_count(health.replicas, 'copie')} de chacune",
    ]
    if health.moving or health.missing:
        told.append(f"copies en cours : {max(health.moving, health.missing)}")
    if wanted is not None and wanted != health.replicas and health.shards:
        told.append(f"réglages : {wanted}, que la prochaine lecture pose")
    if health.data_nodes > 1 and not health.replicas:
        told.append("sans copie, la perte d'un nœud arrête la recherche : réglez [index] replicas")
    if health.nodes > 1 and not health.shut_without_leader:
        told.append(
            "un nœud coupé des autres répondrait avec des droits d'avant : réglez "
            "cluster.no_cluster_manager_block: all dans opensearch.yml"
        )
    return " ; ".join(told)
