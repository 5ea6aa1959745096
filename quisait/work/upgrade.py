"""`quisait upgrade`: upgrade the data of an earlier version, or only print what is due.

Read `upgrade_command` first. The state's database is migrated in one transaction. If this version
needs another index, the new index is built while the old index answers.
"""

from dataclasses import dataclass
from typing import Annotated

import typer

from quisait.application.assembly import open_index_parts
from quisait.application.database import (
    HEAD,
    connect,
    database_url,
    opened_database,
    schema_revision,
)
from quisait.application.opening import Opening
from quisait.application.startup import errors_as_sentences, read_settings
from quisait.settings import Settings, beside_file
from quisait.work.reindexing import (
    outlook_text,
    reindex_outlook,
    reindex_reasons,
    reindex_where_due,
)


@dataclass(frozen=True, slots=True)
class UpgradePlan:
    """The database's revision (None: no tables), and why the index must be rebuilt."""

    schema: str | None
    reasons: tuple[str, ...]
    outlook: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether all data is of this version already."""
        return self.schema in (None, HEAD) and not self.reasons


def upgrade_command(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Dire ce qui serait fait, sans rien changer")
    ] = False,
) -> None:
    """Met à niveau ce qu'une version antérieure a laissé : base d'état, puis index."""
    with errors_as_sentences():
        settings = read_settings()
        plan = upgrade_plan(settings)
        print(plan_text(plan))
        if dry_run or plan.is_empty:
            return
        with (
            opened_database(settings, Opening.WRITE) as database,
            open_index_parts(
                settings, beside_file(settings.folder), database, Opening.WRITE
            ) as parts,
            parts.gate.only_reindex(),
        ):
            print("La base d'état est à niveau.")
            if plan.reasons:
                reindex_where_due(settings, database, parts, as_json=False)
    print("Redémarrez les serveurs et les lectures, puis lancez « quisait check ».")


def upgrade_plan(settings: Settings) -> UpgradePlan:
    """Inspect the database and the index without changing them.

    Raises `IndexRefused` for a database that `migrate` refuses, and the errors of the index.
    """
    schema, folder = schema_revision(settings), beside_file(settings.folder)
    if schema is None and not folder.is_dir():
        return UpgradePlan(schema, ())
    database = connect(database_url(settings), settings.database_password, read_only=True)
    try:
        with open_index_parts(settings, folder, database, Opening.READ) as parts:
            reasons = reindex_reasons(parts)
            outlook = outlook_text(reindex_outlook(settings, parts)) if reasons else ""
    finally:
        database.dispose()
    return UpgradePlan(schema, reasons, outlook)


def plan_text(plan: UpgradePlan) -> str:
    """Return the steps of the upgrade in French, one line each."""
    if plan.is_empty:
        return "Tout est de cette version : rien à faire."
    lines = []
    if plan.schema in (None, HEAD):
        lines.append("Base d'état : à niveau.")
    else:
        lines.append(
            f"Base d'état : de la version {plan.schema or '0001'} du schéma à {HEAD}, entièrement "
            "ou pas du tout. Elle ne revient pas en arrière : gardez une sauvegarde faite par "
            "l'ancienne version."
        )
    lines.append(plan.outlook or "Index : à niveau.")
    return "\n".join(lines)
