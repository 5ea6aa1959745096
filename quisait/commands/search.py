"""`quisait search` and `quisait experts`: ask a question with an agent's rights."""

from typing import Annotated

import typer

from quisait.commands import answers
from quisait.commands.output import AsAgent, AsJson, print_json
from quisait.commands.privacy import opened_for_reader
from search_api.query.query import Query, ResultOrder
from search_api.search.service import answer_question, who_knows
from search_api.verification.storage import Verifying
from search_api.wording import safe_text


def search(
    query: Annotated[str, typer.Argument(help="La question")],
    agent: AsAgent = "",
    page: Annotated[int, typer.Option(min=1, help="Page des réponses")] = 1,
    sort: Annotated[
        ResultOrder, typer.Option(help="« relevance », ou « date » : les plus récents d'abord")
    ] = ResultOrder.RELEVANCE,
    wide: Annotated[
        bool, typer.Option("--wide", help="Élargir aux documents seulement proches")
    ] = False,
    verified: Annotated[
        bool, typer.Option("--verified", help="Parmi ceux que leur auteur dit justes seulement")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Cherche des documents, avec les droits d'un agent."""
    with opened_for_reader(agent, "quisait search") as (context, reader):
        if verified and context.part(Verifying) is None:
            raise ValueError("Aucun document n'est vérifié ici : réglez [verification] enabled.")
        asked = Query(query, page=page, order=sort, wide=wide, verified=verified)
        found = answer_question(context, reader, asked)
    if as_json:
        print_json(answers.results_body(found))
    else:
        print(safe_text(answers.results_text(found)))
        answers.tell_incomplete(reader)


def experts(
    query: Annotated[str, typer.Argument(help="Le sujet")],
    agent: AsAgent = "",
    area: Annotated[str, typer.Option(help="Département (22) ou région (r53)")] = "",
    limit: Annotated[int, typer.Option(min=1, max=50, help="Tant de personnes au plus")] = 10,
    as_json: AsJson = False,
) -> None:
    """Cherche qui sait, avec les droits d'un agent."""
    with opened_for_reader(agent, "quisait experts") as (context, reader):
        found = who_knows(context, reader, Query(query), area=area, limit=limit)
    if as_json:
        print_json(answers.experts_body(found))
    else:
        print(safe_text(answers.experts_text(found)))
        answers.tell_incomplete(reader)
