"""`quisait expertise build` and `quisait isolation`: who knows, who is alone."""

import json
import sys
from collections import Counter
from typing import Annotated

import typer

from expertise.answer_values import IsolatedHolder
from expertise.corpus import SkippedKind
from quisait.application.progress import duration
from quisait.application.startup import opened_application
from quisait.commands import answers
from quisait.privacy.retention import audit_command
from quisait.work.worker import BuildOutcome, build_and_publish
from search_api.answers.isolation import all_isolated_holders
from search_api.schemas.spreadsheets import isolation_csv
from search_api.texts.safe_text import safe_text
from search_api.texts.wording import SCOPES, kilometres

expertise_app = typer.Typer(help="Qui sait, qui est seul sur son sujet.", no_args_is_help=True)

_PARTS = {
    SkippedKind.TOPIC: "sujets",
    SkippedKind.DOCUMENT: "document écarté",
    SkippedKind.AGENT: "agent écarté",
}


@expertise_app.command("build")
def build(
    as_json: Annotated[bool, typer.Option("--json", help="Résultat en JSON")] = False,
) -> None:
    """Refait la cartographie : sujets, référents, isolement, communautés."""
    with opened_application() as application:
        outcome = build_and_publish(application)
    for one in outcome.skipped:
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
    counts = Counter(one.part for one in outcome.skipped)
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
            {"part": one.part.value, "id": one.id, "reason": one.reason} for one in outcome.skipped
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
    with opened_application() as application, answers.answer_context(application) as context:
        audit_command(application.privacy, "quisait isolation")
        found = all_isolated_holders(context, area, topic)
        answers.require_build(found.build)
    if as_json:
        # Imported here: the models of the API's answers take a moment that text has no use for.
        from search_api.schemas.topics import isolation_body

        body = isolation_body(found).model_dump(mode="json")
        print(json.dumps(body, ensure_ascii=False, indent=2))
    elif as_csv:
        print(isolation_csv(found.rows), end="")
    else:
        print(
            safe_text("\n".join(map(_line, found.rows)))
            or "Personne n'est seul ici, parmi les agents connus."
        )


def _line(one: IsolatedHolder) -> str:
    near = "personne d'autre"
    if one.next:
        far = " ".join(kilometres(one.distance_km).split())
        near = f"au plus près {one.next.name} ({one.next.departement}{', ' if far else ''}{far})"
    where = one.agent.departement or "?"
    return (
        f"{where} · {one.topic.label} · {one.agent.name} · seul dans : {SCOPES[one.scope]} ; {near}"
    )
