"""`quisait size`: estimate the machines for a number of documents."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from indexer.quantisation import WHOLE_VECTORS, Quantisation
from quisait.commands.output import AsJson, show
from quisait.work.sizing import (
    DIMENSION,
    EMBEDDED_BYTES,
    ENCODED_PER_S,
    EXTRACTED_PER_S,
    NODE_GIB,
    OPENSEARCH_BYTES,
    PASSAGES,
    REPLICAS,
    SizingAnswer,
    SizingQuestion,
    sized,
)
from search_api.wording import number

DOCUMENTS = (100_000, 1_000_000, 10_000_000, 100_000_000)


def size(
    documents: Annotated[
        list[int] | None, typer.Argument(min=1, help="Nombres de documents ; de 10⁵ à 10⁸ sinon")
    ] = None,
    passages: Annotated[
        float, typer.Option("--passages", min=0.01, help="Passages par document")
    ] = PASSAGES,
    dimension: Annotated[
        int, typer.Option("--dimension", min=1, help="Nombres par vecteur (« quisait check »)")
    ] = DIMENSION,
    memory: Annotated[
        int, typer.Option("--memory", min=1, help="Mémoire d'un nœud OpenSearch, en Gio")
    ] = NODE_GIB,
    replicas: Annotated[
        int, typer.Option("--replicas", min=0, help="Copies de chaque partition")
    ] = REPLICAS,
    rate: Annotated[
        float, typer.Option("--rate", min=0.01, help="Passages encodés par seconde")
    ] = ENCODED_PER_S,
    files: Annotated[
        float, typer.Option("--files", min=0.01, help="Fichiers lus (extraits) par seconde")
    ] = EXTRACTED_PER_S,
    quantisation: Annotated[
        Quantisation, typer.Option("--quantisation", help="Vecteurs que compare OpenSearch")
    ] = WHOLE_VECTORS,
    as_json: AsJson = False,
) -> None:
    """Ce que demande un index de tant de documents : machines, mémoire, disque, lecture."""
    found = [
        sized(
            SizingQuestion(count, passages, dimension, memory, replicas, rate, quantisation, files)
        )
        for count in documents or DOCUMENTS
    ]
    show(found, as_json, lambda found: "\n".join(size_lines(found, rate, files)))


def size_lines(
    found: Sequence[SizingAnswer], encoded_per_s: float, extracted_per_s: float
) -> Iterator[str]:
    """Yield a Markdown table, then the figures on which it is based."""
    yield (
        "| documents | passages | engine | vecteurs en mémoire | disque d'une copie | shards "
        "| replicas | nœuds | extraction | encodage |"
    )
    yield "|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|"
    for one in found:
        cells = (
            number(one.documents),
            number(one.passages),
            one.engine,
            _gibibytes(one.vectors_gib),
            _gibibytes(one.disk_gib),
            str(one.shards or "–"),
            str(one.replicas) if one.shards else "–",
            str(one.nodes),
            _days(one.extraction_days),
            _days(one.encoding_days),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""
    rate, files = (f"{one:g}".replace(".", ",") for one in (encoded_per_s, extracted_per_s))
    yield (
        f"Mesuré : {number(EMBEDDED_BYTES)} octets par passage sur le disque (embedded), "
        f"{number(OPENSEARCH_BYTES)} (opensearch). Donné : {files} fichiers extraits par seconde "
        f"(--files), {rate} passages encodés par seconde (--rate). Calculé : le reste."
    )


def _gibibytes(value: float) -> str:
    return f"{value:.1f} Gio".replace(".", ",") if value < 100 else f"{number(round(value))} Gio"


def _days(value: float) -> str:
    hours = value * 24
    return f"{hours:.0f} h" if hours < 48 else f"{number(round(value))} j"
