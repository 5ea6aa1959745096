"""`quisait topics`: the list as the last build has it, and for who animates it, what to decide."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from expertise.at_risk import AtRisk, topics_at_risk
from expertise.deciding import Deciding, NoSuchProposal, Undecidable
from expertise.decisions import Decision, Verdict
from expertise.proposals import Proposal
from quisait.assembly import House
from quisait.commands import answers
from quisait.commands.animating import animator
from quisait.commands.audit import audited_reader
from quisait.commands.expertise import shown_reading
from quisait.commands.gatherings import communities_app
from quisait.faults import opened_house
from search_api.identity.grants import Held
from search_api.neutral import neutral
from search_api.wording import RISKS, day

# The bodies of the API's answers are imported where they are told: they take half a second.
if TYPE_CHECKING:
    from pydantic import BaseModel

topics_app = typer.Typer(help="Les sujets : la liste, un sujet, l'animation.", no_args_is_help=True)
proposals_app = typer.Typer(help="Sujets proposés par les documents.", no_args_is_help=True)
topics_app.add_typer(proposals_app, name="proposals")
topics_app.add_typer(communities_app, name="communities")

AsAnimator = Annotated[
    str, typer.Option("--agent", help="Identifiant de l'agent qui anime (rôle « animator »)")
]
AsReader = Annotated[str, typer.Option("--agent", help="Identifiant de l'agent qui lit")]
AsJson = Annotated[bool, typer.Option("--json", help="Résultat en JSON")]
ProposalId = Annotated[str, typer.Argument(metavar="SUJET_PROPOSÉ", help="Son identifiant")]

T = TypeVar("T")


@topics_app.command("list")
def list_topics(as_json: AsJson = False) -> None:
    """Les sujets de la dernière cartographie, et combien de personnes les tiennent."""
    with opened_house() as house:
        reading = shown_reading(house)
        counts = reading.coverage("", 0, len(reading.topics)).rows
    rows = [
        {"id": one.topic.id, "label": one.topic.label, "holders": one.holders.agents}
        for one in counts
    ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        told = "\n".join(f"{one['label']} ({one['id']}) : {one['holders']}" for one in rows)
        print(neutral(told))


@topics_app.command("show")
def show_topic(
    topic: Annotated[str, typer.Argument(metavar="SUJET", help="Identifiant d'un sujet")],
    agent: AsReader = "",
    as_json: AsJson = False,
) -> None:
    """Qui tient un sujet, par où commencer, ce qui attend une réponse."""
    from search_api.topics.answers import topic_page
    from search_api.topics.schemas import topic_answer

    with opened_house() as house:
        reader = audited_reader(house, agent, "quisait topics show")
        reading = shown_reading(house)
        if topic not in reading.topics:
            raise ValueError(f"Sujet inconnu : {topic} (« quisait topics list »).")
        page = topic_page(reading, topic, reader)
    view = page.view
    if as_json:
        _print([topic_answer(reading.dated, view, page.documents, page.questions)], one=True)
        return
    lines = [view.topic.label]
    lines += [
        f"   {one.agent.name} ({one.agent.id}) {answers.post(one.agent)}" for one in view.holders
    ]
    lines += [f"   pour commencer : {card.title}" for card in page.documents]
    lines += [f"   sans réponse : {card.title}" for card in page.questions]
    lines += [f"   voisin : {one.label}" for one in (*view.broader, *view.narrower, *view.related)]
    print(neutral("\n".join(lines)))


@topics_app.command("risks")
def risks(agent: AsAnimator, as_json: AsJson = False) -> None:
    """Ce qui repose sur une personne, ou sur personne, parmi les sujets que l'agent anime."""
    with opened_house() as house:
        _, held = animator(house, agent, "risks")
        found = topics_at_risk(shown_reading(house), held.animates_topic)
    if as_json:
        from search_api.desks.animation_bodies import at_risk_body

        _print([at_risk_body(one) for one in found])
    else:
        print(neutral("\n".join(map(_risk, found)) or "Rien à surveiller."))


@proposals_app.command("list")
def list_proposals(agent: AsAnimator, as_json: AsJson = False) -> None:
    """Ceux de ses communautés que personne n'a encore acceptés, réunis ni refusés."""
    with opened_house() as house:
        _, held = animator(house, agent, "proposals list")
        found = _deciding(house, held).waiting()
    if as_json:
        from search_api.desks.animation_bodies import proposal_body

        _print([proposal_body(one) for one in found])
    else:
        print(neutral("\n\n".join(map(_proposal, found)) or "Aucun sujet proposé."))


@proposals_app.command("accept")
def accept(
    proposal: ProposalId,
    agent: AsAnimator,
    label: Annotated[str, typer.Option(help="Le nom du sujet")],
) -> None:
    """Fait un sujet de la liste, à la prochaine cartographie."""
    _decide(agent, "accept", proposal, lambda deciding, _: deciding.accept(proposal, label))


@proposals_app.command("merge")
def merge(
    proposal: ProposalId,
    agent: AsAnimator,
    into: Annotated[str, typer.Option(help="Identifiant du sujet auquel le réunir")],
    label: Annotated[str, typer.Option(help="Son nom, qui devient un autre nom du sujet")] = "",
) -> None:
    """En fait un autre nom d'un sujet que l'agent anime."""

    def merged(deciding: Deciding, held: Held) -> Decision:
        if not held.animates_topic(into):
            raise ValueError(f"{agent} n'anime pas le sujet {into}.")
        return deciding.merge(proposal, into, label)

    _decide(agent, "merge", proposal, merged)


@proposals_app.command("refuse")
def refuse(proposal: ProposalId, agent: AsAnimator) -> None:
    """Ne plus le proposer."""
    _decide(agent, "refuse", proposal, lambda deciding, _: deciding.refuse(proposal))


@proposals_app.command("decisions")
def decisions(agent: AsAnimator, as_json: AsJson = False) -> None:
    """Ce qui a été décidé."""
    with opened_house() as house:
        _, held = animator(house, agent, "proposals decisions")
        made = _deciding(house, held).told()
    if as_json:
        from search_api.desks.animation_bodies import decision_body

        _print([decision_body(one) for one in made])
    else:
        print(neutral("\n".join(map(_decision, made)) or "Aucune décision."))


@proposals_app.command("forget")
def forget(
    decision: Annotated[str, typer.Argument(metavar="DÉCISION", help="Son identifiant")],
    agent: AsAnimator,
) -> None:
    """Revient sur une décision."""
    with opened_house() as house:
        _, held = animator(house, agent, "proposals forget", f"decision_id:{decision}")
        deciding = _deciding(house, held)
        _in_sentences(lambda: deciding.forget(decision))


def _deciding(house: House, held: Held) -> Deciding:
    return Deciding(shown_reading(house), house.builds.decisions, held.decides_on)


def _decide(
    agent: str, verb: str, proposal: str, decide_it: Callable[[Deciding, Held], Decision]
) -> None:
    with opened_house() as house:
        _, held = animator(house, agent, f"proposals {verb}", f"proposal:{proposal}")
        deciding = _deciding(house, held)
        print(neutral(_decision(_in_sentences(lambda: decide_it(deciding, held)))))


def _in_sentences(decide_it: Callable[[], T]) -> T:
    try:
        return decide_it()
    except (NoSuchProposal, Undecidable) as error:
        raise ValueError(str(error)) from error


def _risk(one: AtRisk) -> str:
    from search_api.desks.animation_bodies import all_risks

    words = ", ".join(RISKS[name] for name in all_risks(one))
    who = ", ".join(agent.name for agent in one.holders)
    leaving = "".join(f" ; {agent.name} part le {day(agent.departure)}" for agent in one.leaving)
    return f"{one.count.topic.label} : {words}{f' ({who})' if who else ''}{leaving}"


def _proposal(one: Proposal) -> str:
    lines = [f"{one.id} : {', '.join(one.terms)}", f"   {one.documents} documents"]
    lines += [f"   – {card.title}" for card in one.cited]
    lines += [f"   {agent.name} ({agent.id})" for agent in one.people]
    return "\n".join(lines)


def _decision(one: Decision) -> str:
    verdicts = {Verdict.ACCEPTED: "accepté", Verdict.MERGED: "réuni", Verdict.REFUSED: "refusé"}
    what = one.label or ", ".join(sorted(one.terms))
    into = f" avec {one.topic_id}" if one.verdict is Verdict.MERGED else ""
    return f"{one.id} : {day(one.day)}, {verdicts[one.verdict]}{into}{f' : {what}' if what else ''}"


def _print(bodies: "Sequence[BaseModel]", *, one: bool = False) -> None:
    shown = [body.model_dump(mode="json") for body in bodies]
    print(json.dumps(shown[0] if one else shown, ensure_ascii=False, indent=2))
