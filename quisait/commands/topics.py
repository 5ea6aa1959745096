"""`quisait topics`: topics of the last build, and topics that only one person holds."""

from typing import Annotated

import typer

from expertise.community_management import AtRisk
from quisait.commands import answers
from quisait.commands.output import AsAgent, AsJson, show
from quisait.commands.privacy import opened_for_reader
from search_api.communities.management import topics_to_watch
from search_api.topics.isolation import topic_coverage
from search_api.topics.service import topic_answer
from search_api.wording import RISKS, day

AsAnimator = Annotated[
    str, typer.Option("--agent", help="Identifiant de l'agent qui anime (rôle « animator »)")
]

topics_app = typer.Typer(
    help="Les sujets : la liste, un sujet, ce qui repose sur une personne.", no_args_is_help=True
)


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
        found = topics_to_watch(context, context.build(), holder)
        answers.require_build(found.build)
    text = "\n".join(map(_risk, found.topics)) or "Rien à surveiller."
    show(found.topics, as_json, lambda _: text, "communities.schemas:AtRiskBody")


def _risk(risk: AtRisk) -> str:
    words = ", ".join(RISKS[name] for name in risk.risks)
    who = ", ".join(agent.name for agent in risk.holders)
    leaving = "".join(f" ; {agent.name} part le {day(agent.departure)}" for agent in risk.leaving)
    return f"{risk.count.topic.label} : {words}{f' ({who})' if who else ''}{leaving}"
