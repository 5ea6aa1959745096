"""`quisait expertise` and `quisait coverage`: build expertise, and show it."""

import sys
from collections import Counter
from typing import Annotated, Any

import typer

from expertise.answer_values import AreaCount, IsolatedHolder, OwnTopic, Peers, TopicCount
from expertise.corpus import SkippedKind
from expertise.peers import AgentProfile, Skill
from quisait.application.opening import Opening
from quisait.application.progress import duration
from quisait.application.startup import opened_application
from quisait.commands import answers
from quisait.commands.output import AsAgent, AsJson, show
from quisait.commands.privacy import opened_for_reader
from quisait.privacy.retention import audit_command
from quisait.work.worker import BuildCost, BuildOutcome, build_and_publish
from search_api.people.agents import agent_peers, agent_profile
from search_api.topics.isolation import all_isolated_holders, topic_coverage
from search_api.topics.spreadsheets import areas_csv, count_text, isolation_csv, topics_csv
from search_api.wording import (
    RISKS,
    ROLES,
    alone,
    area_label,
    basis,
    contact,
    day,
    kilometres,
    month,
    safe_text,
    unclaimed,
)

expertise_app = typer.Typer(help="Qui sait, qui est seul sur son sujet.", no_args_is_help=True)

_PARTS = {
    SkippedKind.TOPIC: "sujets",
    SkippedKind.DOCUMENT: "document écarté",
    SkippedKind.AGENT: "agent écarté",
}


@expertise_app.command("build")
def build(as_json: AsJson = False) -> None:
    """Refait la cartographie : sujets, référents, isolement, communautés."""
    with opened_application(Opening.WRITE) as application:
        outcome = build_and_publish(application)
    for item in outcome.skipped:
        print(
            f"{_PARTS[item.part]} : {safe_text(item.id)} : {safe_text(item.reason)}",
            file=sys.stderr,
        )
    show(_body(outcome), as_json, lambda _: build_text(outcome))


def build_text(outcome: BuildOutcome) -> str:
    """Return the counts of a build, above all the share of contributions open to all agents."""
    stamp = outcome.stamp
    share = stamp.contributions / stamp.contributions_seen if stamp.contributions_seen else 0.0
    return (
        f"sujets : {len(outcome.listed.topics)} sujets et métiers ; {stamp.documents} documents "
        f"que tout agent peut lire ; {stamp.contributions} contributions comptées sur "
        f"{stamp.contributions_seen} ({share:.0%}) ; {_left_out(outcome)}"
        f"{_cost(outcome.cost)}. "
        f"Empreinte {stamp.digest[:12]}."
    )


def _cost(cost: BuildCost) -> str:
    return (
        f"fait par {cost.engine} en {duration(round(cost.seconds))} : {cost.rows} lignes lues, "
        f"{cost.peak_bytes / 1e6:.0f} Mo au plus pour ce programme"
    )


def _left_out(outcome: BuildOutcome) -> str:
    counts = Counter(item.part for item in outcome.skipped)
    documents, agents = counts[SkippedKind.DOCUMENT], counts[SkippedKind.AGENT]
    if not documents and not agents:
        return ""
    return f"écartés, nommés ci-dessus : {documents} documents, {agents} agents ; "


def _body(outcome: BuildOutcome) -> dict[str, Any]:
    stamp = outcome.stamp
    return {
        "day": stamp.day.isoformat(),
        "digest": stamp.digest,
        "topics": len(outcome.listed.topics),
        "malformed": [f"{item.where} : {item.reason}" for item in outcome.listed.malformed],
        "left_out": [
            {"part": item.part.value, "id": item.id, "reason": item.reason}
            for item in outcome.skipped
        ],
        "documents": stamp.documents,
        "contributions": stamp.contributions,
        "contributions_seen": stamp.contributions_seen,
        "seconds": round(outcome.cost.seconds, 1),
        "engine": outcome.cost.engine.lower(),
        "rows": outcome.cost.rows,
        "peak_bytes": outcome.cost.peak_bytes,
    }


OfArea = Annotated[str, typer.Option("--area", help="Département (22) ou région (r53)")]
OfTopic = Annotated[str, typer.Option("--topic", help="Identifiant d'un sujet de la liste")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Résultat en CSV")]


def isolation(
    area: OfArea = "", topic: OfTopic = "", as_json: AsJson = False, as_csv: AsCsv = False
) -> None:
    """Qui est seul sur un sujet, par territoire ; ce n'est pas un classement."""
    with answers.opened_answers() as (application, context):
        audit_command(application.privacy, "quisait isolation")
        found = all_isolated_holders(context, area, topic)
        answers.require_build(found.build)
    if as_csv and not as_json:
        print(isolation_csv(found.rows), end="")
        return
    lines = [*map(_line, found.rows)] or ["Personne n'est dit seul ici, parmi les agents connus."]
    lines += filter(None, [unclaimed(found.unclaimed, one=bool(topic))])
    show(found, as_json, lambda _: "\n".join(lines), "topics.schemas:IsolationBody")


def _line(holder: IsolatedHolder) -> str:
    near = "personne d'autre dans la cartographie"
    if holder.next:
        far = " ".join(kilometres(holder.distance_km).split())
        near = (
            f"au plus près {holder.next.name} ({holder.next.departement}{', ' if far else ''}{far})"
        )
    where = holder.agent.departement or "?"
    degree = alone(holder.degree, holder.scope)
    degree = degree[:1].lower() + degree[1:]
    return f"{where} · {holder.topic.label} · {holder.agent.name} · {degree} ; {near}"


def coverage(
    area: OfArea = "", topic: OfTopic = "", as_json: AsJson = False, as_csv: AsCsv = False
) -> None:
    """Combien de personnes tiennent chaque sujet, ou un sujet par territoire ; ce qui manque."""
    with answers.opened_answers() as (_, context):
        found = topic_coverage(context, area, topic, limit=None)
        answers.require_build(found.build)
    if as_csv and not as_json:
        print(areas_csv(found.areas) if topic else topics_csv(found.topics), end="")
        return
    lines = map(_area_line, found.areas) if topic else map(_topic_line, found.topics)
    text = "\n".join(lines) or "Personne de connu ici sur ce sujet."
    show(found, as_json, lambda _: text, "topics.schemas:CoverageBody")


def peers(
    who: Annotated[str, typer.Argument(metavar="AGENT", help="Identifiant de l'agent")] = "",
    agent: AsAgent = "",
    as_json: AsJson = False,
) -> None:
    """Qui partage les sujets d'un agent ; sans AGENT, de celui qui lit."""
    with opened_for_reader(agent, "quisait peers", who) as (context, reader):
        found = agent_peers(context, reader, who)
    answers.tell_incomplete(reader)
    show(found, as_json, lambda found: peers_text(found.peers), "topics.schemas:PeersBody")


def peers_text(found: Peers) -> str:
    """Return the agent's topics, then the agents who share these topics, then communities."""
    lines = [f"{found.agent.name} ({found.agent.id})"]
    lines += [
        f"Sujet : {topic.topic.label} ({basis(topic.basis, topic.mission_since)})"
        for topic in found.topics
    ]
    for peer in found.peers:
        labels = ", ".join(
            [topic.label for topic in peer.topics]
            + [f"{topic.label} (déclare seulement)" for topic in peer.declares]
        )
        far = " ".join(kilometres(peer.distance_km).split())
        where = ", ".join(filter(None, (answers.post(peer.agent), far)))
        lines.append(f"Pair : {peer.agent.name} ({peer.agent.id}), {where} : {labels}")
    for community in found.communities:
        names = ", ".join(member.name for member in community.members)
        labels = ", ".join(topic.label for topic in community.topics)
        lines.append(f"Communauté : {labels} ({names})")
    return "\n".join(
        lines if len(lines) > 1 else [*lines, "Aucun sujet de la liste encore rattaché."]
    )


def _topic_line(count: TopicCount) -> str:
    line = f"{count.topic.label} ({count.topic.id}) : {count_text(count.holders)}"
    if count.declared.agents:
        line += f" ; déclaré seulement : {count_text(count.declared)}"
    watched = ", ".join(RISKS[name] for name in count.risks)
    return f"{line} ; {watched}" if watched else line


def _area_line(count: AreaCount) -> str:
    line = f"{area_label(count.code)} ({count.code or 'tout'}) : {count_text(count.holders)}"
    return (
        f"{line} ; déclaré seulement : {count_text(count.declared)}"
        if count.declared.agents
        else line
    )


def profile(
    who: Annotated[str, typer.Argument(metavar="AGENT", help="Identifiant de l'agent montré")],
    agent: AsAgent = "",
    as_json: AsJson = False,
) -> None:
    """Ce qu'un agent sait, d'après les documents, et ce qu'il déclare."""
    with opened_for_reader(agent, "quisait profile", who) as (context, reader):
        found = agent_profile(context, reader, who)
    answers.tell_incomplete(reader)
    show(found.profile, as_json, profile_text, "people.schemas:ProfileBody")


def profile_text(found: AgentProfile) -> str:
    """Return post and contact, then shown, confirmed and declared topics, then peers."""
    agent, way = found.agent, contact(found.agent)
    since = f", depuis {month(agent.arrival)}" if agent.arrival else ""
    lines = [f"{agent.name} ({agent.id})", f"{answers.post(agent)}{since}"]
    lines += [f"{way.words}{way.address}"] if way.address else []
    for topic in found.shown:
        lines += _topic(topic)
    lines += [
        f"{one.topic.label} : {basis(one.basis, one.mission_since)}" for one in found.by_mission
    ]
    lines += _skills("Compétence confirmée", found.confirmed)
    lines += _skills("Compétence déclarée", found.declared)
    lines += [f"D'après son métier : {one.topic.label}" for one in found.by_metier]
    for peer in found.peers:
        labels = ", ".join(topic.label for topic in (*peer.topics, *peer.declares))
        lines.append(f"Pair : {peer.agent.name} ({peer.agent.id}), {labels}")
    return "\n".join(lines)


def _topic(topic: OwnTopic) -> list[str]:
    since = f" ({basis(topic.basis, topic.mission_since)})" if topic.mission_since else ""
    lines = [f"Montré par des documents : {topic.topic.label}{since}"]
    for proof in topic.evidence:
        roles = ", ".join(ROLES[role] for role in proof.roles)
        former = ", dans un poste précédent" if proof.former else ""
        lines.append(f"   – {proof.title} ({roles}, {day(proof.last) or 'sans date'}{former})")
    return lines


def _skills(caption: str, skills: tuple[Skill, ...]) -> list[str]:
    return [
        f"{caption} : {skill.label}{' (à renouveler)' if skill.renew else ''}" for skill in skills
    ]
