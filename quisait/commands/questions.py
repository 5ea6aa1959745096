"""`quisait questions`: read and moderate questions to colleagues, and move them on in time.

Asking and answering is only possible in person, on the pages or by the API.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Annotated

import typer

from indexer.access import Reader
from quisait.application.startup import opened_application
from quisait.commands import answers
from quisait.commands.moderation import moderation_app
from quisait.commands.output import AsAgent, AsJson, show
from quisait.commands.privacy import opened_for_reader
from quisait.work.questions import move_on, publish_questions, reports_state
from search_api.context import AnswerContext
from search_api.following.service import News, news
from search_api.questions.markdown import plain_text
from search_api.questions.service import OwnQuestions, ShownQuestion, own_questions, question_page
from search_api.questions.values import MOST_LISTED, AskedQuestion, QuestionStage, RequestState
from search_api.wording import (
    answered_before,
    cut_at,
    day,
    open_figures,
    passed_on,
    plural,
    questions_this_week,
    where_a_question_stands,
)

questions_app = typer.Typer(
    help="Les questions posées à qui sait : celles d'un agent, et leur suite.", no_args_is_help=True
)

questions_app.add_typer(moderation_app, name="moderation")


def _opened(agent: str, command: str) -> AbstractContextManager[tuple[AnswerContext, Reader]]:
    asked = f"quisait questions {command}"
    return opened_for_reader(agent, asked, require=answers.require_questions)


@questions_app.command("list")
def list_questions(agent: AsAgent = "", as_json: AsJson = False) -> None:
    """Celles qui attendent un agent, celles de ses communautés, et les siennes."""
    with _opened(agent, "list") as (context, reader):
        found = own_questions(context, reader)
    show(found, as_json, _list_text, "questions.schemas:OwnQuestionsBody")


@questions_app.command("show")
def show_question(
    question: Annotated[str, typer.Argument(help="Identifiant de la question")],
    agent: AsAgent = "",
    as_json: AsJson = False,
) -> None:
    """Une question et ses réponses, avec les droits d'un agent."""
    with _opened(agent, "show") as (context, reader):
        found = question_page(context, reader, question)
        answer_days = context.asking.rules.answer_days if context.asking else 0
    text = partial(_question_text, answer_days=answer_days)
    show(found, as_json, text, "questions.schemas:AskedQuestionBody")


@questions_app.command("news")
def show_news(agent: AsAgent = "", as_json: AsJson = False) -> None:
    """Ce qui est nouveau dans ce qu'un agent suit, avec ses droits."""
    with _opened(agent, "news") as (context, reader):
        found = news(context, reader)
    show(found, as_json, _news_text, "following.schemas:NewsBody")


@questions_app.command("reports")
def reports() -> None:
    """Combien de textes signalés attendent, et s'il faut que quelqu'un s'en occupe."""
    with opened_application() as application:
        if not application.settings.questions.enabled:
            raise ValueError(answers.QUESTIONS_OFF)
        print(f"Signalements : {reports_state(application)}.")


@questions_app.command("step")
def step() -> None:
    """Fait passer au suivant ce qui attend depuis trop longtemps ; « quisait run » s'en charge."""
    with opened_application() as application:
        if not application.settings.questions.enabled:
            raise ValueError(answers.QUESTIONS_OFF)
        publish_questions(application)
        moved = move_on(application)
    print(
        plural("{num} question avance.", "{num} questions avancent.", moved)
        if moved
        else "Aucune question n'avance."
    )


def _news_text(found: News) -> str:
    shown = [
        "\n".join(
            (
                f"{one.shown.title} :",
                *(f"  {day(item.moment.date())}  {item.title}" for item in one.items),
                *(["  et d'autres encore"] if one.more else []),
            )
        )
        for one in found.found
    ]
    return "\n\n".join(shown) or "Rien de nouveau."


def _list_text(found: OwnQuestions) -> str:
    waiting = [
        f"{_line(one)}\n    {'acceptée, ' if request.state is RequestState.ACCEPTED else ''}"
        f"à répondre avant le {day(request.until.date())}"
        for request, one in found.waiting
    ]
    groups = (
        ("Ont une réponse, dont vous n'avez rien dit", [one.question for one in found.answered]),
        ("Pour vos communautés", found.of_communities),
        ("Sans réponse, sur les sujets que vous animez", found.animated),
        ("Les vôtres", [one.question for one in found.mine]),
        ("Sans réponse, sur vos sujets", found.open_on_topics),
        ("Sans réponse, de votre département", found.open_nearby),
        ("Les autres questions sans réponse", found.open_elsewhere),
    )
    shown = ["Vous attendent :\n" + "\n".join(waiting)] if waiting else []
    shown += [f"{title} :\n" + "\n".join(map(_line, some)) for title, some in groups if some]
    topics = ", ".join(
        f"{topic.label} ({plural('{num} question', '{num} questions', count)})"
        for topic, count in found.waiting_topics
    )
    said = (
        questions_this_week(found.load),
        answered_before(found.answered_before),
        open_figures(found.figures),
        f"Sujets qui attendent une réponse : {topics}." if topics else "",
        cut_at(MOST_LISTED) if found.more else "",
    )
    return "\n\n".join([*(shown or ["Aucune question."]), *filter(None, said)])


def _progress(found: ShownQuestion, answer_days: int) -> Iterator[str]:
    """Yield a question's progress, in the same words as on its page."""
    one = found.question
    if found.accepted_by:
        yield f"{found.accepted_by.name} a accepté d'y répondre."
    elif not found.answers and one.stage is not QuestionStage.ANSWERED:
        yield where_a_question_stands(
            one.stage,
            found.recipients,
            answer_days,
            on_topic=found.topic is not None,
            passed_on=bool(found.passed_on),
        )
    yield from map(passed_on, found.passed_on)


def _line(one: AskedQuestion) -> str:
    return f"  {one.id}  {day(one.created.date())}  {one.title}"


def _question_text(found: ShownQuestion, answer_days: int) -> str:
    one = found.question
    asker = found.asker.name if found.asker else "un ou une collègue"
    changed = "".join(f", modifiée le {day(on)}" for on in one.corrected_on)
    asked = f"Posée le {day(one.created.date())} par {asker}{changed}"
    said = [one.title, asked, *([plain_text(one.text, found.open_documents)] if one.text else [])]
    said += ["\n".join(_progress(found, answer_days))] if found.own else []
    for shown in found.answers:
        author = shown.author.name if shown.author else "un ou une collègue"
        kept = "Réponse qui a aidé" if shown.answer.accepted else "Réponse"
        when = day(shown.answer.created.date())
        corrected = "".join(f", corrigée le {day(on)}" for on in shown.answer.corrected_on)
        text = plain_text(shown.answer.text, found.open_documents)
        said.append(f"{kept} de {author}, le {when}{corrected} :\n{text}")
    return "\n\n".join(said)
