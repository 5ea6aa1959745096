"""A client of OpenSearch from an address and, where it asks for them, credentials."""

from opensearchpy import OpenSearch

from indexer.opensearch.faults import engine_faults

TIMEOUT_S = 60.0


def connect(
    url: str, *, user: str = "", password: str = "", ca_file: str = "", timeout_s: float = TIMEOUT_S
) -> OpenSearch:
    """Connects at the first request, not before. Certificates are always verified."""
    return OpenSearch(
        hosts=[url],
        http_auth=(user, password) if user else None,
        verify_certs=True,
        ca_certs=ca_file or None,
        timeout=timeout_s,
    )


def drop(client: OpenSearch, alias: str) -> None:
    """Delete every index that `OpenSearchIndex` made for an alias.

    Each by its full name: an engine may refuse to delete by pattern.
    """
    with engine_faults():
        names = sorted(client.indices.get(index=f"{alias}-*"))
        if names:
            client.indices.delete(index=",".join(names))
