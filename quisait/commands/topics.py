"""`quisait topics`.

The topics of the last build; proposals and communities for who moderates them.
"""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from expertise.answer_values import CommunityView
from expertise.community_management import AtRisk, CommunityProposals, topics_at_risk
from expertise.decisions import CommunityDecision, TopicDecision, Verdict
from expertise.proposals import NoSuchProposal, Proposal, ProposalDecisions, Undecidable
from indexer.access import Reader
from quisait.application.assembly import Application
from quisait.application.startup import opened_application
from quisait.commands import answers
from quisait.commands.expertise import shown_reading
from quisait.commands.privacy import audit_command, audited_reader
from search_api.catalogue.safe_text import safe_text
from search_api.catalogue.wording import RISKS, day
from search_api.identity.grants import HeldRoles, Role

if TYPE_CHECKING:
    from pydantic import BaseModel


def animator(
    house: Application, agent: str, reading: str, subject: str = ""
) -> tuple[Reader, HeldRoles]:
    """Who animates, written down as on the pages. Raises `ValueError` for who does not."""
    reader = answers.command_line_reader(house, agent)
    held = house.privacy.grants.held_by(reader)
    if Role.ANIMATOR not in held.roles:
        raise ValueError(f"{agent} n'a pas le rôle « animator » : voyez [[roles]].")
    told = f"quisait topics {reading}"
    audit_command(house.privacy, told, subject, actor=agent, role=Role.ANIMATOR)
    return reader, held


communities_app = typer.Typer(
    help="Communautés proposées à des agents seuls dans leur région.", no_args_is_help=True
)

AsCommunityAnimator = Annotated[
    str, typer.Option("--agent", help="Identifiant de l'agent qui anime (rôle « animator »)")
]
OfTopic = Annotated[str, typer.Argument(metavar="SUJET", help="Identifiant de son sujet")]

_VERDICTS = {Verdict.ACCEPTED: "acceptée", Verdict.REFUSED: "refusée"}


@communities_app.command("list")
def list_communities(
    agent: AsCommunityAnimator,
    as_json: Annotated[bool, typer.Option("--json", help="Résultat en JSON")] = False,
) -> None:
    """Celles qui attendent une décision, et ce qui a été décidé."""

    def told(gatherings: CommunityProposals) -> str:
        if as_json:
            # Imported here: the models of the API's answers take half a second.
            from search_api.routes.community_management import gatherings_answer

            return gatherings_answer(gatherings).model_dump_json(indent=2)
        lines = [
            *map(_community_text, gatherings.waiting()),
            *map(_community_decision_text, gatherings.told()),
        ]
        return safe_text("\n".join(lines) or "Aucune communauté proposée.")

    _community_decisions(agent, "list", "", told)


@communities_app.command("accept")
def accept_community(topic: OfTopic, agent: AsCommunityAnimator) -> None:
    """La montrer à tous, avec ceux de ses membres qui acceptent de figurer."""
    _community_decisions(
        agent,
        "accept",
        topic,
        lambda one: _community_decision_text(one.decide(topic, Verdict.ACCEPTED)),
    )


@communities_app.command("refuse")
def refuse_community(topic: OfTopic, agent: AsCommunityAnimator) -> None:
    """Ne plus la proposer."""
    _community_decisions(
        agent,
        "refuse",
        topic,
        lambda one: _community_decision_text(one.decide(topic, Verdict.REFUSED)),
    )


@communities_app.command("forget")
def forget_community_decision(topic: OfTopic, agent: AsCommunityAnimator) -> None:
    """Revient sur une décision."""

    def taken_back(gatherings: CommunityProposals) -> str:
        gatherings.forget(topic)
        return f"{topic} : décision retirée."

    _community_decisions(agent, "forget", topic, taken_back)


def _community_decisions(
    agent: str, verb: str, topic: str, told: Callable[[CommunityProposals], str]
) -> None:
    subject = f"topic_id:{topic}" if topic else ""
    with opened_application() as house:
        _, held = animator(house, agent, f"communities {verb}", subject)
        try:
            print(told(CommunityProposals(shown_reading(house), held.animates_topic)))
        except NoSuchProposal as error:
            raise ValueError(str(error)) from error


def _community_text(one: CommunityView) -> str:
    topics = ", ".join(f"{topic.label} ({topic.id})" for topic in one.topics)
    members = ", ".join(f"{agent.name} ({agent.departement})" for agent in one.members)
    return f"{topics} : {members}"


def _community_decision_text(one: CommunityDecision) -> str:
    return f"{one.topic_id} : {day(one.day)}, {_VERDICTS[one.verdict]}"


# The bodies of the API's answers are imported where they are told: they take half a second.

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
    with opened_application() as house:
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
        print(safe_text(told))


@topics_app.command("show")
def show_topic(
    topic: Annotated[str, typer.Argument(metavar="SUJET", help="Identifiant d'un sujet")],
    agent: AsReader = "",
    as_json: AsJson = False,
) -> None:
    """Qui tient un sujet, par où commencer, ce qui attend une réponse."""
    from search_api.answers.topics import topic_page
    from search_api.schemas.topics import topic_answer

    with opened_application() as house:
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
    print(safe_text("\n".join(lines)))


@topics_app.command("risks")
def list_risks(agent: AsAnimator, as_json: AsJson = False) -> None:
    """Ce qui repose sur une personne, ou sur personne, parmi les sujets que l'agent anime."""
    with opened_application() as house:
        _, held = animator(house, agent, "risks")
        found = topics_at_risk(shown_reading(house), held.animates_topic)
    if as_json:
        from search_api.schemas.communities import at_risk_body

        _print([at_risk_body(one) for one in found])
    else:
        print(safe_text("\n".join(map(_risk, found)) or "Rien à surveiller."))


@proposals_app.command("list")
def list_proposals(agent: AsAnimator, as_json: AsJson = False) -> None:
    """Ceux de ses communautés que personne n'a encore acceptés, réunis ni refusés."""
    with opened_application() as house:
        _, held = animator(house, agent, "proposals list")
        found = _deciding(house, held).waiting()
    if as_json:
        from search_api.schemas.communities import proposal_body

        _print([proposal_body(one) for one in found])
    else:
        print(safe_text("\n\n".join(map(_proposal, found)) or "Aucun sujet proposé."))


@proposals_app.command("accept")
def accept_proposal(
    proposal: ProposalId,
    agent: AsAnimator,
    label: Annotated[str, typer.Option(help="Le nom du sujet")],
) -> None:
    """Fait un sujet de la liste, à la prochaine cartographie."""
    _decide(agent, "accept", proposal, lambda deciding, _: deciding.accept(proposal, label))


@proposals_app.command("merge")
def merge_proposal(
    proposal: ProposalId,
    agent: AsAnimator,
    into: Annotated[str, typer.Option(help="Identifiant du sujet auquel le réunir")],
    label: Annotated[str, typer.Option(help="Son nom, qui devient un autre nom du sujet")] = "",
) -> None:
    """En fait un autre nom d'un sujet que l'agent anime."""

    def merged(deciding: ProposalDecisions, held: HeldRoles) -> TopicDecision:
        if not held.animates_topic(into):
            raise ValueError(f"{agent} n'anime pas le sujet {into}.")
        return deciding.merge(proposal, into, label)

    _decide(agent, "merge", proposal, merged)


@proposals_app.command("refuse")
def refuse_proposal(proposal: ProposalId, agent: AsAnimator) -> None:
    """Ne plus le proposer."""
    _decide(agent, "refuse", proposal, lambda deciding, _: deciding.refuse(proposal))


@proposals_app.command("decisions")
def list_decisions(agent: AsAnimator, as_json: AsJson = False) -> None:
    """Ce qui a été décidé."""
    with opened_application() as house:
        _, held = animator(house, agent, "proposals decisions")
        made = _deciding(house, held).told()
    if as_json:
        from search_api.schemas.communities import decision_body

        _print([decision_body(one) for one in made])
    else:
        print(safe_text("\n".join(map(_decision, made)) or "Aucune décision."))


@proposals_app.command("forget")
def forget_decision(
    decision: Annotated[str, typer.Argument(metavar="DÉCISION", help="Son identifiant")],
    agent: AsAnimator,
) -> None:
    """Revient sur une décision."""
    with opened_application() as house:
        _, held = animator(house, agent, "proposals forget", f"decision_id:{decision}")
        deciding = _deciding(house, held)
        _in_sentences(lambda: deciding.forget(decision))


def _deciding(house: Application, held: HeldRoles) -> ProposalDecisions:
    return ProposalDecisions(shown_reading(house), house.builds.decisions, held.decides_on)


def _decide(
    agent: str,
    verb: str,
    proposal: str,
    decide_it: Callable[[ProposalDecisions, HeldRoles], TopicDecision],
) -> None:
    with opened_application() as house:
        _, held = animator(house, agent, f"proposals {verb}", f"proposal:{proposal}")
        deciding = _deciding(house, held)
        print(safe_text(_decision(_in_sentences(lambda: decide_it(deciding, held)))))


def _in_sentences(decide_it: Callable[[], T]) -> T:
    try:
        return decide_it()
    except (NoSuchProposal, Undecidable) as error:
        raise ValueError(str(error)) from error


def _risk(one: AtRisk) -> str:
    from search_api.schemas.communities import all_risks

    words = ", ".join(RISKS[name] for name in all_risks(one))
    who = ", ".join(agent.name for agent in one.holders)
    leaving = "".join(f" ; {agent.name} part le {day(agent.departure)}" for agent in one.leaving)
    return f"{one.count.topic.label} : {words}{f' ({who})' if who else ''}{leaving}"


def _proposal(one: Proposal) -> str:
    lines = [f"{one.id} : {', '.join(one.terms)}", f"   {one.documents} documents"]
    lines += [f"   – {card.title}" for card in one.cited]
    lines += [f"   {agent.name} ({agent.id})" for agent in one.people]
    return "\n".join(lines)


def _decision(one: TopicDecision) -> str:
    verdicts = {Verdict.ACCEPTED: "accepté", Verdict.MERGED: "réuni", Verdict.REFUSED: "refusé"}
    what = one.label or ", ".join(sorted(one.terms))
    into = f" avec {one.topic_id}" if one.verdict is Verdict.MERGED else ""
    return f"{one.id} : {day(one.day)}, {verdicts[one.verdict]}{into}{f' : {what}' if what else ''}"


def _print(bodies: "Sequence[BaseModel]", *, one: bool = False) -> None:
    shown = [body.model_dump(mode="json") for body in bodies]
    print(json.dumps(shown[0] if one else shown, ensure_ascii=False, indent=2))
