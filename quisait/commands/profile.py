"""`quisait profile`: an agent as the others may see them."""

import json
from typing import Annotated

import typer

from expertise.agent_profile import AgentProfile, Skill, profile_of
from expertise.overview_values import Dated, OwnTopic, Shown
from expertise.showing import may_be_shown
from indexer.access import access_filter
from quisait.assembly.overviews import overview_of
from quisait.commands import answers
from quisait.commands.audit import audited_reader
from quisait.faults import opened_house
from search_api.neutral import neutral
from search_api.wording import contact, day, month, role


def profile(
    who: Annotated[str, typer.Argument(metavar="AGENT", help="Identifiant de l'agent montré")],
    agent: Annotated[str, typer.Option("--agent", help="Identifiant de l'agent qui lit")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Résultat en JSON")] = False,
) -> None:
    """Ce qu'un agent sait, d'après les documents, et ce qu'il déclare."""
    with opened_house() as house:
        reader = audited_reader(house, agent, "quisait profile", who)
        shown = house.book.agent(who)
        own = reader.agent_id == who
        if shown is None or not may_be_shown(shown, answers.today(), reader.agent_id):
            raise ValueError("Aucun agent de ce nom ne peut être montré.")
        overview = overview_of(house)
        reading = overview.reading(answers.today()) if overview else Dated(Shown.NONE)
        found = profile_of(reading, shown, access_filter(reader), answers.today(), to_self=own)
    if as_json:
        # Imported here: the models of the API's answers take half a second.
        from search_api.agents.bodies import profile_answer

        body = profile_answer(found).model_dump(mode="json")
        print(json.dumps(body, ensure_ascii=False, indent=2))
    else:
        print(neutral(profile_text(found)))


def profile_text(found: AgentProfile) -> str:
    """Post and contact, then what is shown, confirmed and declared, then the peers."""
    agent, way = found.agent, contact(found.agent)
    since = f", depuis {month(agent.arrival)}" if agent.arrival else ""
    lines = [f"{agent.name} ({agent.id})", f"{answers.post(agent)}{since}"]
    lines += [f"{way.words}{way.address}"] if way.address else []
    for one in found.shown:
        lines += _topic(one)
    lines += _skills("Compétence confirmée", found.confirmed)
    lines += _skills("Compétence déclarée", found.declared)
    for peer in found.peers:
        labels = ", ".join(topic.label for topic in peer.topics)
        lines.append(f"Pair : {peer.agent.name} ({peer.agent.id}), {labels}")
    return "\n".join(lines)


def _topic(one: OwnTopic) -> list[str]:
    lines = [f"Montré par des documents : {one.topic.label}"]
    for proof in one.evidence:
        roles = ", ".join(map(role, proof.roles))
        former = ", dans un poste précédent" if proof.former else ""
        lines.append(f"   – {proof.title} ({roles}, {day(proof.last) or 'sans date'}{former})")
    return lines


def _skills(said: str, skills: tuple[Skill, ...]) -> list[str]:
    return [f"{said} : {one.label}{' (à renouveler)' if one.renew else ''}" for one in skills]
