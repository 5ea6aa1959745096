"""`quisait topics`: topics of the last build; for community managers, proposals and communities."""

from typing import Annotated

import typer

from expertise.answer_values import CommunityView
from expertise.community_management import AtRisk, Proposal
from expertise.decisions import CommunityDecision, TopicDecision, Verdict
from quisait.commands import answers
from quisait.commands.output import AsAgent, AsJson, print_json, show
from quisait.commands.privacy import opened_for_reader
from search_api.communities.management import (
    CommunityAction,
    ProposalAction,
    decide_on_community,
    decide_on_topic,
    forget_topic_decision,
    proposed_communities,
    proposed_topics,
    topics_to_watch,
)
from search_api.communities.pages import (
    CommunityPage,
    CommunityPageAct,
    community_page,
    set_community_page,
)
from search_api.questions.values import SOURCE
from search_api.topics.isolation import topic_coverage
from search_api.topics.service import topic_answer
from search_api.wording import RISKS, day, safe_text

communities_app = typer.Typer(
    help="Communautés proposées à des agents seuls dans leur région.", no_args_is_help=True
)

AsAnimator = Annotated[
    str, typer.Option("--agent", help="Identifiant de l'agent qui anime (rôle « animator »)")
]
OfTopic = Annotated[str, typer.Argument(metavar="SUJET", help="Identifiant de son sujet")]

_VERDICTS = {Verdict.ACCEPTED: "acceptée", Verdict.REFUSED: "refusée"}


@communities_app.command("list")
def list_communities(agent: AsAnimator, as_json: AsJson = False) -> None:
    """Celles qui attendent une décision, et ce qui a été décidé."""
    with answers.opened_for_animator(agent, "topics communities list") as (context, holder):
        found = proposed_communities(context.build(), holder)
        answers.require_build(found.build)
    lines = [*map(_community_text, found.waiting), *map(_community_decision_text, found.decisions)]
    text = "\n".join(lines) or "Aucune communauté proposée."
    show(found, as_json, lambda _: text, "communities.schemas:CommunitiesBody")


@communities_app.command("accept")
def accept_community(topic: OfTopic, agent: AsAnimator) -> None:
    """La montrer à tous, avec ceux de ses membres qui acceptent de figurer."""
    _decide_on_community(agent, topic, CommunityAction.ACCEPT)


@communities_app.command("refuse")
def refuse_community(topic: OfTopic, agent: AsAnimator) -> None:
    """Ne plus la proposer."""
    _decide_on_community(agent, topic, CommunityAction.REFUSE)


@communities_app.command("forget")
def forget_community_decision(topic: OfTopic, agent: AsAnimator) -> None:
    """Revient sur une décision."""
    _decide_on_community(agent, topic, CommunityAction.FORGET)


@communities_app.command("show")
def show_community(topic: OfTopic, agent: AsAgent = "", as_json: AsJson = False) -> None:
    """La page d'une communauté, avec les droits d'un agent."""
    with opened_for_reader(agent, "quisait topics communities show") as (context, reader):
        found = community_page(context, reader, topic)
    answers.tell_incomplete(reader)
    if as_json:
        # Imported here: loading the models of the API's answers takes half a second.
        from search_api.communities.schemas import CommunityPageBody

        print_json(CommunityPageBody.of(found))
    else:
        print(safe_text(_community_page_text(found)))


ToPin = Annotated[str, typer.Argument(metavar="DOCUMENT", help="Identifiant (« source:… »)")]


@communities_app.command("pin")
def pin_document(topic: OfTopic, document: ToPin, agent: AsAnimator) -> None:
    """Épingle à sa page un document ou une question que l'agent peut lire."""
    _set_community_page(agent, topic, CommunityPageAct.PIN, document)
    print("Épinglé.")


@communities_app.command("unpin")
def unpin_document(topic: OfTopic, document: ToPin, agent: AsAnimator) -> None:
    """L'en retire."""
    _set_community_page(agent, topic, CommunityPageAct.UNPIN, document)
    print("Retiré.")


@communities_app.command("close")
def close_community(topic: OfTopic, agent: AsAnimator) -> None:
    """La clore : on la lit encore, on ne la rejoint plus et on ne lui pose plus de question."""
    _set_community_page(agent, topic, CommunityPageAct.CLOSE)
    print("Close.")


@communities_app.command("reopen")
def reopen_community(topic: OfTopic, agent: AsAnimator) -> None:
    """La rouvrir."""
    _set_community_page(agent, topic, CommunityPageAct.REOPEN)
    print("Rouverte.")


def _set_community_page(agent: str, topic: str, act: CommunityPageAct, document: str = "") -> None:
    command, subject = f"topics communities {act}", f"topic_id:{topic}"
    with answers.opened_for_animator(agent, command, subject) as (context, holder):
        set_community_page(context, holder, topic, act, document)


def _community_page_text(page: CommunityPage) -> str:
    found = page.community
    closed = " (close : on la lit, on ne la rejoint plus)" if page.closed else ""
    groups = (
        ("à lire d'abord", [f"{one.title}  {one.document_id}" for one in page.pinned]),
        ("membre", [f"{one.name} ({one.id}) {answers.post(one)}" for one in found.members]),
        ("sans réponse", [one.title for one in page.waiting]),
        ("sans réponse", [one.title for one in found.questions if one.source != SOURCE]),
        ("répondue", [one.title for one in page.answered]),
        ("pour commencer", [f"{one.title}  {one.document_id}" for one in found.documents]),
        ("nouveau", [one.title for one in page.news]),
    )
    lines = [f"   {name} : {one}" for name, some in groups for one in some]
    return "\n".join([f"Communauté « {found.topic.label} »{closed}", *lines])


def _decide_on_community(agent: str, topic: str, action: CommunityAction) -> None:
    command, subject = f"topics communities {action}", f"topic_id:{topic}"
    with answers.opened_for_animator(agent, command, subject) as (context, holder):
        made = decide_on_community(context, holder, topic, action)
    print(_community_decision_text(made) if made else f"{topic} : décision retirée.")


def _community_text(view: CommunityView) -> str:
    topics = ", ".join(f"{topic.label} ({topic.id})" for topic in view.topics)
    members = ", ".join(f"{agent.name} ({agent.departement})" for agent in view.members)
    return f"{topics} : {members}"


def _community_decision_text(decision: CommunityDecision) -> str:
    return f"{decision.topic_id} : {day(decision.day)}, {_VERDICTS[decision.verdict]}"


topics_app = typer.Typer(help="Les sujets : la liste, un sujet, l'animation.", no_args_is_help=True)
proposals_app = typer.Typer(help="Sujets proposés par les documents.", no_args_is_help=True)
topics_app.add_typer(proposals_app, name="proposals")
topics_app.add_typer(communities_app, name="communities")

ProposalId = Annotated[str, typer.Argument(metavar="SUJET_PROPOSÉ", help="Son identifiant")]


@topics_app.command("list")
def list_topics(as_json: AsJson = False) -> None:
    """Les sujets de la dernière cartographie, et combien de personnes les tiennent."""
    with answers.opened_answers() as (_, context):
        found = topic_coverage(context, limit=None)
        answers.require_build(found.build)
    rows = [
        {"id": topic.topic.id, "label": topic.topic.label, "holders": topic.holders.agents}
        for topic in found.topics
    ]
    text = "\n".join(f"{row['label']} ({row['id']}) : {row['holders']}" for row in rows)
    show(rows, as_json, lambda _: text)


@topics_app.command("show")
def show_topic(
    topic: Annotated[str, typer.Argument(metavar="SUJET", help="Identifiant d'un sujet")],
    agent: AsAgent = "",
    as_json: AsJson = False,
) -> None:
    """Qui tient un sujet, par où commencer, ce qui attend une réponse."""
    with opened_for_reader(agent, "quisait topics show") as (context, reader):
        found = topic_answer(context, reader, topic)
    answers.tell_incomplete(reader)
    view = found.view
    lines = [view.topic.label]
    lines += [
        f"   {holder.agent.name} ({holder.agent.id}) {answers.post(holder.agent)}"
        for holder in view.holders
    ]
    lines += [f"   pour commencer : {one.card.title}" for one in found.documents]
    lines += [f"   sans réponse : {card.title}" for card in found.questions]
    lines += [f"   question posée ici : {question.title}" for question in found.asked]
    lines += [
        f"   voisin : {neighbour.label}"
        for neighbour in (*view.broader, *view.narrower, *view.related)
    ]
    show(found, as_json, lambda _: "\n".join(lines), "topics.schemas:TopicProfileBody")


@topics_app.command("risks")
def list_risks(agent: AsAnimator, as_json: AsJson = False) -> None:
    """Ce qui repose sur une personne, ou sur personne, parmi les sujets que l'agent anime."""
    with answers.opened_for_animator(agent, "topics risks") as (context, holder):
        found = topics_to_watch(context.build(), holder)
        answers.require_build(found.build)
    text = "\n".join(map(_risk, found.topics)) or "Rien à surveiller."
    show(found.topics, as_json, lambda _: text, "communities.schemas:AtRiskBody")


@proposals_app.command("list")
def list_proposals(agent: AsAnimator, as_json: AsJson = False) -> None:
    """Ceux de ses communautés que personne n'a encore acceptés, réunis ni refusés."""
    with answers.opened_for_animator(agent, "topics proposals list") as (context, holder):
        found = proposed_topics(context.build(), holder)
        answers.require_build(found.build)
    text = "\n\n".join(map(_proposal, found.waiting)) or "Aucun sujet proposé."
    show(found.waiting, as_json, lambda _: text, "communities.schemas:ProposalBody")


@proposals_app.command("accept")
def accept_proposal(
    proposal: ProposalId,
    agent: AsAnimator,
    label: Annotated[str, typer.Option(help="Le nom du sujet")],
) -> None:
    """Fait un sujet de la liste, à la prochaine cartographie."""
    _decide(agent, proposal, ProposalAction.ACCEPT, label)


@proposals_app.command("merge")
def merge_proposal(
    proposal: ProposalId,
    agent: AsAnimator,
    into: Annotated[str, typer.Option(help="Identifiant du sujet auquel le réunir")],
    label: Annotated[str, typer.Option(help="Son nom, qui devient un autre nom du sujet")] = "",
) -> None:
    """En fait un autre nom d'un sujet que l'agent anime."""
    _decide(agent, proposal, ProposalAction.MERGE, label, into)


@proposals_app.command("refuse")
def refuse_proposal(proposal: ProposalId, agent: AsAnimator) -> None:
    """Ne plus le proposer."""
    _decide(agent, proposal, ProposalAction.REFUSE)


@proposals_app.command("decisions")
def list_decisions(agent: AsAnimator, as_json: AsJson = False) -> None:
    """Ce qui a été décidé."""
    with answers.opened_for_animator(agent, "topics proposals decisions") as (context, holder):
        found = proposed_topics(context.build(), holder)
        answers.require_build(found.build)
    text = "\n".join(map(_decision, found.decisions)) or "Aucune décision."
    show(found.decisions, as_json, lambda _: text, "communities.schemas:DecisionBody")


@proposals_app.command("forget")
def forget_decision(
    decision: Annotated[str, typer.Argument(metavar="DÉCISION", help="Son identifiant")],
    agent: AsAnimator,
) -> None:
    """Revient sur une décision."""
    subject = f"decision_id:{decision}"
    with answers.opened_for_animator(agent, "topics proposals forget", subject) as (
        context,
        holder,
    ):
        forget_topic_decision(context, holder, decision)


def _decide(
    agent: str, proposal: str, action: ProposalAction, label: str = "", into: str = ""
) -> None:
    command, subject = f"topics proposals {action}", f"proposal:{proposal}"
    with answers.opened_for_animator(agent, command, subject) as (context, holder):
        made = decide_on_topic(context, holder, proposal, action, label, into)
    print(safe_text(_decision(made)))


def _risk(risk: AtRisk) -> str:
    words = ", ".join(RISKS[name] for name in risk.risks)
    who = ", ".join(agent.name for agent in risk.holders)
    leaving = "".join(f" ; {agent.name} part le {day(agent.departure)}" for agent in risk.leaving)
    return f"{risk.count.topic.label} : {words}{f' ({who})' if who else ''}{leaving}"


def _proposal(proposal: Proposal) -> str:
    lines = [f"{proposal.id} : {', '.join(proposal.terms)}", f"   {proposal.documents} documents"]
    lines += [f"   – {card.title}" for card in proposal.cited]
    lines += [f"   {agent.name} ({agent.id})" for agent in proposal.people]
    return "\n".join(lines)


def _decision(decision: TopicDecision) -> str:
    verdicts = {Verdict.ACCEPTED: "accepté", Verdict.MERGED: "réuni", Verdict.REFUSED: "refusé"}
    what = decision.label or ", ".join(sorted(decision.terms))
    into = f" avec {decision.topic_id}" if decision.verdict is Verdict.MERGED else ""
    verdict = f"{verdicts[decision.verdict]}{into}{f' : {what}' if what else ''}"
    return f"{decision.id} : {day(decision.day)}, {verdict}"
