"""The history of the demo before its first visitor: questions and answers.

Everything is done with the functions of the pages, in the name of the fictional agents.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from quisait.application.assembly import Application
from quisait.features import installed_features
from quisait.work.questions import answer_context
from search_api.context import AnswerContext
from search_api.questions.actions import QuestionAct, QuestionAction, act_on_question
from search_api.questions.asking import NewQuestion, ask_question
from search_api.questions.storage import Asking
from search_api.questions.values import UNDECIDED


@dataclass(frozen=True, slots=True)
class Story:
    """A question, and the acts on it.

    Each act is done by the agent who is asked at that moment or by the asker, depending on its
    `QuestionAction`.
    """

    asker: str
    title: str
    text: str = ""
    topic: str = ""
    to: str = ""
    acts: Sequence[dict[str, str]] = ()


def stories_of(path: Path) -> list[Story]:
    """Return the stories of a file."""
    found: list[dict[str, Any]] = tomllib.loads(path.read_text("utf-8"))["questions"]
    return [Story(**one) for one in found]


def tell_stories(application: Application, path: Path) -> bool:
    """Perform the stories of the file at the first start; return false if that was done before."""
    context = answer_context(application)
    asking, stories = context.part(Asking), stories_of(path)
    if asking is None or any(asking.questions.of_asker(one.asker) for one in stories):
        return False
    for feature in installed_features():
        feature.prepare_demo(application)
    # Indexed once, at the end.
    later = context.with_parts(replace(asking, publish=lambda: True))
    for story in stories:
        _tell(later, asking, story)
    asking.publish()
    return True


def _tell(context: AnswerContext, asking: Asking, story: Story) -> None:
    new = NewQuestion(story.title, story.text.strip(), story.topic, to=story.to)
    question = ask_question(context, asking.reader_of(story.asker), new)
    for one in story.acts:
        act, text = QuestionAction(one["act"]), one.get("text", "").strip()
        thread = asking.questions.one(question.id)
        answers = thread.answers if thread else ()
        by_asker = act is QuestionAction.HELPED
        asked = (
            one.agent_id
            for one in asking.questions.requests.of_question(question.id)
            if one.state in UNDECIDED
        )
        agent_id = story.asker if by_asker else next(asked, "")
        if not agent_id:  # nobody is left to be asked
            return
        answer_id = answers[-1].id if by_asker and answers else ""
        made = QuestionAct(act, text, answer_id=answer_id)
        act_on_question(context, asking.reader_of(agent_id), question.id, made)
