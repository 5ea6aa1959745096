"""`quisait expertise build` and `quisait isolation`: who knows, who is alone."""

import json
import sys
from collections import Counter
from typing import Annotated

import typer

from expertise.answer_values import BuildState, IsolatedHolder, IsolationPage
from expertise.builds import IsolationQuery
from expertise.corpus import SkippedKind
from expertise.current_build import OpenBuild, departements_of, is_area
from expertise.holders import IsolationScope
from quisait.application.assembly import Application, open_overview
from quisait.application.progress import duration
from quisait.application.startup import opened_application
from quisait.commands.answers import today
from quisait.commands.privacy import audit_command
from quisait.work.worker import BuildOutcome, build_and_publish
from search_api.catalogue.safe_text import safe_text
from search_api.catalogue.wording import SCOPES, kilometres

expertise_app = typer.Typer(help="Qui sait, qui est seul sur son sujet.", no_args_is_help=True)

_PARTS = {
    SkippedKind.TOPIC: "sujets",
    SkippedKind.DOCUMENT: "document écarté",
    SkippedKind.AGENT: "agent écarté",
}

SHOWN = 1_000
"""Rows that the command line asks for at once."""


@expertise_app.command("build")
def build(
    as_json: Annotated[bool, typer.Option("--json", help="Résultat en JSON")] = False,
) -> None:
    """Refait la cartographie : sujets, référents, isolement, communautés."""
    with opened_application() as house:
        outcome = build_and_publish(house)
    for one in outcome.left_out:
        print(
            f"{_PARTS[one.part]} : {safe_text(one.id)} : {safe_text(one.reason)}", file=sys.stderr
        )
    print(_as_json(outcome) if as_json else build_text(outcome))


def build_text(outcome: BuildOutcome) -> str:
    """What a build counted: above all the share of contributions that every agent may read."""
    stamp = outcome.stamp
    share = stamp.contributions / stamp.contributions_seen if stamp.contributions_seen else 0.0
    return (
        f"sujets : {len(outcome.listed.topics)} sujets et métiers ; {stamp.documents} documents "
        f"que tout agent peut lire ; {stamp.contributions} contributions comptées sur "
        f"{stamp.contributions_seen} ({share:.0%}) ; {_left_out(outcome)}"
        f"fait en {duration(round(outcome.seconds))}. "
        f"Empreinte {stamp.digest[:12]}."
    )


def _left_out(outcome: BuildOutcome) -> str:
    counts = Counter(one.part for one in outcome.left_out)
    documents, agents = counts[SkippedKind.DOCUMENT], counts[SkippedKind.AGENT]
    if not documents and not agents:
        return ""
    return f"écartés, nommés ci-dessus : {documents} documents, {agents} agents ; "


def _as_json(outcome: BuildOutcome) -> str:
    stamp = outcome.stamp
    body = {
        "day": stamp.day.isoformat(),
        "digest": stamp.digest,
        "topics": len(outcome.listed.topics),
        "malformed": [f"{one.where} : {one.reason}" for one in outcome.listed.malformed],
        "left_out": [
            {"part": one.part.value, "id": one.id, "reason": one.reason} for one in outcome.left_out
        ],
        "documents": stamp.documents,
        "contributions": stamp.contributions,
        "contributions_seen": stamp.contributions_seen,
        "seconds": round(outcome.seconds, 1),
    }
    return json.dumps(body, ensure_ascii=False, indent=2)


def isolation(
    area: Annotated[str, typer.Option(help="Département (22) ou région (r53)")] = "",
    topic: Annotated[str, typer.Option(help="Identifiant d'un sujet de la liste")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Résultat en JSON")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Résultat en CSV")] = False,
) -> None:
    """Qui est seul sur un sujet, par territoire ; ce n'est pas un classement."""
    with opened_application() as house:
        audit_command(house.privacy, "quisait isolation")
        reading = shown_reading(house)
        rows = _all_alone(reading, area, topic)
    # Imported here: the models of the API's answers take a moment that text has no use for.
    from search_api.schemas.spreadsheets import isolation_csv
    from search_api.schemas.topics import isolation_answer

    if as_json:
        page = isolation_answer(reading.dated, IsolationPage(tuple(rows), None))
        print(json.dumps(page.model_dump(mode="json"), ensure_ascii=False, indent=2))
    elif as_csv:
        print(isolation_csv(rows), end="")
    else:
        print(
            safe_text("\n".join(map(_line, rows)))
            or "Personne n'est seul ici, parmi les agents connus."
        )


def shown_reading(house: Application) -> OpenBuild:
    """The build to answer from. Raises `ValueError` where there is none to show."""
    overview = open_overview(house)
    reading = overview.reading(today()) if overview else None
    if isinstance(reading, OpenBuild):
        return reading
    if reading is not None and reading.state == BuildState.TOO_OLD:
        raise ValueError(
            f"La cartographie du {reading.day} est trop ancienne : lancez « quisait expertise "
            "build »."
        )
    raise ValueError(
        "Aucune cartographie : réglez [topics] file, puis lancez « quisait expertise build »."
    )


def check_topic(reading: OpenBuild, topic: str) -> None:
    """Raises `ValueError` for a topic that the build does not have."""
    if topic and topic not in reading.topics:
        raise ValueError(f"Sujet inconnu : {topic}. La liste est celle de [topics] file.")


def check_area(area: str) -> None:
    """Raises `ValueError` for what is neither a département nor a region."""
    if area and not is_area(area):
        raise ValueError(f"Territoire inconnu : {area}. Un département (22) ou une région (r53).")


def _all_alone(reading: OpenBuild, area: str, topic: str) -> list[IsolatedHolder]:
    check_topic(reading, topic)
    check_area(area)
    wide = (IsolationScope.REGION, IsolationScope.COUNTRY)
    rows: list[IsolatedHolder] = []
    offset: int | None = 0
    while offset is not None:
        asked = IsolationQuery(
            departements_of(area) if area else None,
            (topic,) if topic else None,
            wide if area.startswith("r") else (IsolationScope.DEPARTEMENT, *wide),
            offset,
            SHOWN,
        )
        page = reading.alone(asked)
        rows += page.rows
        offset = page.following
    return rows


def _line(one: IsolatedHolder) -> str:
    near = "personne d'autre"
    if one.next:
        far = " ".join(kilometres(one.distance_km).split())
        near = f"au plus près {one.next.name} ({one.next.departement}{', ' if far else ''}{far})"
    where = one.agent.departement or "?"
    return (
        f"{where} · {one.topic.label} · {one.agent.name} · seul dans : {SCOPES[one.scope]} ; {near}"
    )
