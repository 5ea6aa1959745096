"""Isolated holders for a spreadsheet: CSV that French ones open as it is."""

import csv
import io
from collections.abc import Iterable, Sequence

from expertise.overview_values import Alone
from search_api.neutral import neutral
from search_api.topics.schemas import area_label, reached_at
from search_api.wording import scope

COLUMNS = (
    "departement",
    "nom_departement",
    "sujet",
    "agent",
    "metier",
    "entite",
    "courriel",
    "seul_dans",
    "plus_proche",
    "departement_du_plus_proche",
    "distance_km",
)


def isolation_csv(rows: Iterable[Alone]) -> str:
    """UTF-8 with its mark, semicolons, CRLF; one line for each row, after the columns' names."""
    return table(COLUMNS, map(_cells, rows))


def _cells(row: Alone) -> Sequence[str]:
    agent, near = row.agent, row.next
    cells = [agent.departement, area_label(agent.departement), row.topic.label, agent.name]
    cells += [agent.metier, agent.entity, reached_at(agent), scope(row.scope)]
    cells += [near.name, near.departement] if near else ["", ""]
    return [*cells, "" if row.distance_km is None else str(round(row.distance_km))]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """UTF-8 with its mark, semicolons, CRLF; no cell is taken for a formula."""
    text = io.StringIO()
    written = csv.writer(text, delimiter=";", lineterminator="\r\n")
    written.writerow(columns)
    written.writerows(map(_harmless, row) for row in rows)
    return "\ufeff" + text.getvalue()


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, "CSV Injection")."""
    cell = neutral(cell)
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
