"""`quisait backup` and `quisait restore`."""

from pathlib import Path
from typing import Annotated

import typer

from quisait.application.opening import Opening
from quisait.application.progress import plural_count, shown_progress
from quisait.application.startup import errors_as_sentences, opened_application, read_settings
from quisait.commands.output import AsJson, show
from quisait.work.backup import Manifest, back_up
from quisait.work.restore import RestoreReport
from quisait.work.restore import restore as put_back
from quisait.work.runs import BACKUP, recorded_run


def backup(
    folder: Annotated[Path, typer.Argument(help="Dossier à écrire, qui n'existe pas encore")],
    as_json: AsJson = False,
) -> None:
    """Sauvegarde l'index, l'état et les réglages sans secret, pendant que tout continue."""
    with (
        opened_application(Opening.WRITE) as application,
        shown_progress("sauvegarde", "documents", as_json) as advance,
        recorded_run(application.state, BACKUP),
    ):
        made = back_up(application, folder, advance)
    show(made, as_json, lambda made: _backup_text(folder, made))


def restore(
    folder: Annotated[Path, typer.Argument(help="Dossier écrit par « quisait backup »")],
    register: Annotated[
        Path | None,
        typer.Option(
            help="Registre des suppressions de l'ancienne machine, copié après son arrêt",
            show_default=False,
        ),
    ] = None,
    register_lost: Annotated[
        bool,
        typer.Option(
            "--register-lost",
            help="Sans registre : rien n'est lisible avant relecture, ni personne proposé",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Restaure une sauvegarde dans une installation vide, sans ce qui a été retiré depuis."""
    with errors_as_sentences():
        settings = read_settings()
        with shown_progress("restauration", "documents", as_json) as advance:
            done = put_back(
                settings,
                folder,
                register_file=register,
                register_lost=register_lost,
                progress=advance,
            )
    show(done, as_json, _restore_text)


def _backup_text(folder: Path, made: Manifest) -> str:
    size = sum(size for _, size in made.files.values())
    return (
        f"Sauvegarde écrite dans {folder} : {plural_count(made.documents, 'document')}, "
        f"{size / 1e6:.1f} Mo. Elle ne contient aucun secret, ni le registre des suppressions : "
        "gardez-les ailleurs, ils sont nécessaires pour la restaurer."
    )


def _restore_text(done: RestoreReport) -> str:
    lines = [
        f"Sauvegarde du {done.made} restaurée : {plural_count(done.documents, 'document')} "
        f"(supprimés ou refermés depuis : {done.left_out}), "
        f"{plural_count(done.agents, 'agent')} d'après l'annuaire d'aujourd'hui, "
        f"demandes d'agents redites : {done.wishes}.",
        "Les sessions et les jetons ne sont pas restaurés : les agents se reconnectent, et chaque "
        "application qui pousse reçoit un jeton neuf (« quisait push token add ») et redit ses "
        "groupes.",
    ]
    if done.closed:
        lines.append(
            "Registre perdu : aucun document n'est lisible avant que sa source ait été relue "
            "(« quisait crawl »), et aucun agent n'est proposé avant de l'avoir redemandé sur "
            "« Préférences ». Les applications doivent pousser de nouveau leurs documents."
        )
    lines.append("Lancez « quisait check », « quisait crawl », puis « quisait run ».")
    return "\n".join(lines)
