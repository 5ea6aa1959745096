"""Isolation and coverage as CSV files that French spreadsheets open directly."""

import csv
import io
from collections.abc import Iterable, Sequence

from expertise.answer_values import AreaCount, CappedCount, IsolatedHolder, TopicCount
from search_api.wording import ALONE_DEGREES, RISKS, SCOPES, area_label, basis, contact, safe_text

ISOLATION_COLUMNS = (
    "departement",
    "nom_departement",
    "sujet",
    "agent",
    "metier",
    "entite",
    "courriel",
    "d_apres",
    "seul_dans",
    "plus_proche",
    "departement_du_plus_proche",
    "distance_km",
    "degre",
)


def isolation_csv(rows: Iterable[IsolatedHolder]) -> str:
    """Return CSV (see `table`) with a header line and one line per row."""
    return table(ISOLATION_COLUMNS, map(_isolation_cells, rows))


def _isolation_cells(row: IsolatedHolder) -> Sequence[str]:
    agent, near = row.agent, row.next
    cells = [agent.departement, area_label(agent.departement), row.topic.label, agent.name]
    cells += [agent.metier, agent.entity, contact(agent).address]
    cells += [basis(row.basis, row.mission_since), SCOPES[row.scope]]
    cells += [near.name, near.departement] if near else ["", ""]
    far = "" if row.distance_km is None else str(round(row.distance_km))
    return [*cells, far, ALONE_DEGREES[row.degree]]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return CSV in UTF-8 with BOM, semicolons and CRLF; no cell is read as a formula."""
    text = io.StringIO()
    written = csv.writer(text, delimiter=";", lineterminator="\r\n")
    written.writerow(columns)
    written.writerows(map(_harmless, row) for row in rows)
    return "\ufeff" + text.getvalue()


def _harmless(cell: str) -> str:
    """Return a cell that no spreadsheet reads as a formula (OWASP, "CSV Injection")."""
    cell = safe_text(cell)
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


_COUNTED = ("personnes", "declarent_seulement")
_TOPIC_COLUMNS = ("sujet", "libelle", "genre", *_COUNTED, "questions_sans_reponse", "a_surveiller")
_AREA_COLUMNS = ("territoire", "nom_territoire", *_COUNTED)


def topics_csv(rows: Iterable[TopicCount]) -> str:
    """Return CSV with one line per topic of an area, see `table`."""
    return table(
        _TOPIC_COLUMNS,
        (
            (
                one.topic.id,
                one.topic.label,
                one.topic.kind,
                count_text(one.holders),
                count_text(one.declared),
                str(one.open_questions),
                ", ".join(RISKS[name] for name in one.risks),
            )
            for one in rows
        ),
    )


def areas_csv(rows: Iterable[AreaCount]) -> str:
    """Return CSV with one line per area of a topic: the country, regions, départements."""
    return table(
        _AREA_COLUMNS,
        (
            (one.code, area_label(one.code), count_text(one.holders), count_text(one.declared))
            for one in rows
        ),
    )


def count_text(count: CappedCount) -> str:
    """Return `3`, or `10 et plus` if the count stopped at its maximum."""
    return f"{count.agents} et plus" if count.more else str(count.agents)
