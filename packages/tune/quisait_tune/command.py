"""The command `quisait tune`: learns the order of results from judged questions."""

from pathlib import Path
from typing import Annotated

import typer

from evaluation.cli import CACHE, Cache, Limit
from evaluation.comparison import Comparison
from evaluation.corpora import CORPUS, SearchSet, load_own_questions, load_search_set
from evaluation.measures import load_ir_measures
from evaluation.scratch import Bench, open_scratch
from quisait.application.opening import Opening
from quisait.application.progress import shown_progress
from quisait.application.startup import errors_as_sentences, opened_application, read_settings
from quisait.clock import today
from quisait.commands.answers import require_current
from quisait.commands.privacy import audited_reader
from quisait.settings import Settings
from quisait.settings.files import make_folder, ranker_path, write_whole
from quisait_tune.training import (
    Example,
    Trained,
    example,
    load_lightgbm,
    refusal,
    set_examples,
    train,
)

Questions = Annotated[
    Path | None, typer.Argument(metavar="DOSSIER", help="Le jeu de questions jugées")
]
Off = Annotated[bool, typer.Option("--off", help="Enlever le réglage : le classement de quisait")]
AsAgent = Annotated[
    str,
    typer.Option(
        "--agent",
        help="Avec les droits de qui les questions sont posées à l'index du service, "
        "si le jeu n'a pas de corpus.jsonl",
        show_default=False,
    ),
]
TryOnly = Annotated[bool, typer.Option("--dry-run", help="Mesurer, sans rien changer")]


def tune_command(
    directory: Questions = None,
    off: Off = False,
    agent: AsAgent = "",
    dry_run: TryOnly = False,
    limit: Limit = 0,
    cache: Cache = CACHE,
) -> None:
    """Règle le classement sur vos questions jugées, s'il y gagne sur celles qu'il n'a pas vues."""
    settings = read_settings(without_file=dry_run)
    with errors_as_sentences():
        if off:
            typer.echo(_taken_back(settings))
            return
        if directory is None:
            raise ValueError("Nommez le dossier des questions jugées, ou donnez --off.")
        typer.echo(_tuned(settings, directory, agent, cache, limit, dry_run=dry_run))


def _taken_back(settings: Settings) -> str:
    try:
        ranker_path(settings).unlink()
    except FileNotFoundError:
        return "Aucun réglage : le classement était celui de quisait."
    return "Réglage enlevé : le classement est celui de quisait, dès la prochaine question."


def _tuned(
    settings: Settings, directory: Path, agent: str, cache: Path, limit: int, *, dry_run: bool
) -> str:
    copied = (directory / CORPUS).exists()
    judged = (load_search_set if copied else load_own_questions)(directory, limit)
    why = refusal(judged.queries)
    if why and not dry_run:
        raise ValueError(why)
    load_ir_measures(), load_lightgbm()  # fail early, before indexing
    if copied:
        examples, encoder = _of_a_copy(settings, judged, cache)
    else:
        examples, encoder = _of_the_service(judged, agent)
    trained = train(examples, judged.judgments, encoder, today())
    measured = _measured(trained.comparison, judged)
    if why:
        return f"{measured}\n{why}"
    if not trained.wins:
        return f"{measured}\nCe n'est pas un gain sûr : rien n'est changé."
    if dry_run:
        return f"{measured}\nCe serait un gain sûr : rien n'est changé (--dry-run)."
    make_folder(settings)
    _write(trained, ranker_path(settings))
    return (
        f"{measured}\nC'est un gain sûr : ce classement sert dès la prochaine question. "
        "« quisait tune --off » l'enlève."
    )


def _of_a_copy(settings: Settings, judged: SearchSet, cache: Path) -> tuple[list[Example], str]:
    """Return examples from a scratch index of the set's own documents, and the encoder's name."""
    bench = Bench(settings.index, settings.encoder, cache)
    with open_scratch(bench, judged) as scratch:
        return set_examples(judged, bench, scratch), scratch.encoder.name


def _of_the_service(judged: SearchSet, agent: str) -> tuple[list[Example], str]:
    """Return examples from the documents that the agent may read, and the encoder's name."""
    if not agent:
        raise ValueError(
            f"Ce jeu n'a pas de {CORPUS} : ses questions sont posées à l'index du service. "
            "Nommez avec --agent qui peut lire les documents jugés."
        )
    with opened_application(Opening.READ) as application:
        require_current(application)
        reader = audited_reader(application, agent, "quisait tune")
        examples = []
        with shown_progress("questions", "questions") as advance:
            for query in judged.queries:
                found = example(query, application.search, reader, judged.judgments)
                examples.append(found)
                advance(len(examples), len(judged.queries))
        return examples, application.encoder.name


def _write(trained: Trained, path: Path) -> None:
    write_whole(path, trained.ranker.model_dump_json().encode(), 0o600)


def _measured(found: Comparison, judged: SearchSet) -> str:
    groups = len({query.group for query in judged.queries})
    return (
        f"{len(judged.queries)} questions, {groups} groupes ; nDCG@10 sur les questions que le "
        f"réglage n'avait pas vues : {found.before:.4f} sans, {found.after:.4f} avec "
        f"({found.difference:+.4f}, de {found.low:+.4f} à {found.high:+.4f}, "
        f"p = {found.p_value:.4f})"
    )
