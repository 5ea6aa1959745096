"""`quisait topics communities`: of agents alone in their regions, for who animates their topic."""

from collections.abc import Callable
from typing import Annotated

import typer

from expertise.deciding import NoSuchProposal
from expertise.decisions import Verdict
from expertise.gathering_rows import Gathering
from expertise.gatherings import Gatherings
from expertise.overview_values import CommunityView
from quisait.commands.animating import animator
from quisait.commands.expertise import shown_reading
from quisait.faults import opened_house
from search_api.neutral import neutral
from search_api.wording import day

communities_app = typer.Typer(
    help="Communautés proposées à des agents seuls dans leur région.", no_args_is_help=True
)

AsAnimator = Annotated[
    str, typer.Option("--agent", help="Identifiant de l'agent qui anime (rôle « animator »)")
]
OfTopic = Annotated[str, typer.Argument(metavar="SUJET", help="Identifiant de son sujet")]

_VERDICTS = {Verdict.ACCEPTED: "acceptée", Verdict.REFUSED: "refusée"}


@communities_app.command("list")
def list_communities(
    agent: AsAnimator,
    as_json: Annotated[bool, typer.Option("--json", help="Résultat en JSON")] = False,
) -> None:
    """Celles qui attendent une décision, et ce qui a été décidé."""

    def told(gatherings: Gatherings) -> str:
        if as_json:
            # Imported here: the models of the API's answers take half a second.
            from search_api.desks.gathering import gatherings_answer

            return gatherings_answer(gatherings).model_dump_json(indent=2)
        lines = [*map(_proposed, gatherings.waiting()), *map(_decided, gatherings.told())]
        return neutral("\n".join(lines) or "Aucune communauté proposée.")

    _for(agent, "list", "", told)


@communities_app.command("accept")
def accept(topic: OfTopic, agent: AsAnimator) -> None:
    """La montrer à tous, avec ceux de ses membres qui acceptent de figurer."""
    _for(agent, "accept", topic, lambda one: _decided(one.decide(topic, Verdict.ACCEPTED)))


@communities_app.command("refuse")
def refuse(topic: OfTopic, agent: AsAnimator) -> None:
    """Ne plus la proposer."""
    _for(agent, "refuse", topic, lambda one: _decided(one.decide(topic, Verdict.REFUSED)))


@communities_app.command("forget")
def forget(topic: OfTopic, agent: AsAnimator) -> None:
    """Revient sur une décision."""

    def taken_back(gatherings: Gatherings) -> str:
        gatherings.forget(topic)
        return f"{topic} : décision retirée."

    _for(agent, "forget", topic, taken_back)


def _for(agent: str, verb: str, topic: str, told: Callable[[Gatherings], str]) -> None:
    subject = f"topic_id:{topic}" if topic else ""
    with opened_house() as house:
        _, held = animator(house, agent, f"communities {verb}", subject)
        try:
            print(told(Gatherings(shown_reading(house), held.animates_topic)))
        except NoSuchProposal as error:
            raise ValueError(str(error)) from error


def _proposed(one: CommunityView) -> str:
    topics = ", ".join(f"{topic.label} ({topic.id})" for topic in one.topics)
    members = ", ".join(f"{agent.name} ({agent.departement})" for agent in one.members)
    return f"{topics} : {members}"


def _decided(one: Gathering) -> str:
    return f"{one.topic_id} : {day(one.day)}, {_VERDICTS[one.verdict]}"
