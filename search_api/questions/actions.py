"""Actions on a question: of an agent who is asked, of the asker, of an answer's author."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import uuid4

from indexer.access import Reader
from search_api.context import AnswerContext, AnswerRefused, InvalidParameter, NotFound, required
from search_api.questions.delivery import answering_topics, go_on, may_open
from search_api.questions.reading import OTHER_TEXT, checked_text, checked_title, readable_thread
from search_api.questions.storage import Asking
from search_api.questions.values import (
    MOST_REASON,
    MOST_TEXT,
    AskedQuestion,
    GivenAnswer,
    QuestionStage,
    RequestState,
    Thread,
)


class QuestionAction(StrEnum):
    """Action on a question by an agent who is asked, the asker, an answer's author, or a reader."""

    ACCEPT = "accept"
    DECLINE = "decline"
    RETAKE = "retake"
    TRANSFER = "transfer"
    ANSWER = "answer"
    CORRECT = "correct"
    DELETE_ANSWER = "delete_answer"
    CONFIRM = "confirm"
    STILL_RIGHT = "still_right"
    EDIT = "edit"
    HELPED = "helped"
    THANK = "thank"
    LACKS = "lacks"
    OPEN = "open"
    DELETE = "delete"


_UNSEEN = {
    QuestionAction.DECLINE,
    QuestionAction.RETAKE,
    QuestionAction.TRANSFER,
    QuestionAction.OPEN,
    QuestionAction.STILL_RIGHT,
}
"""Actions that change nothing for other readers of the question."""


class TooManyAnswers(AnswerRefused):
    """The reader reached the daily limit of answers or of corrections."""

    status = 429
    code = "too_many_answers"


@dataclass(frozen=True, slots=True)
class QuestionAct:
    """An action, with what was entered for it.

    `text`: an answer, a reason, what is missing, or the question's text. `valid_until`: last day on
    which an answer is right. `text_digest`: digest of the former text that its author confirms.
    """

    action: QuestionAction
    text: str = ""
    title: str = ""
    answer_id: str = ""
    valid_until: date | None = None
    text_digest: str = ""


def act_on_question(
    context: AnswerContext, reader: Reader, question_id: str, act: QuestionAct
) -> None:
    """Act on a question, as far as the reader may.

    Raises `NotFound` for an action that the reader may not do, `InvalidParameter`,
    `TooManyAnswers` and `IndexUnreachable`.
    """
    asking, thread = required(context.part(Asking)), readable_thread(context, reader, question_id)
    acting = _Acting(context, asking, thread, reader.agent_id or "", act)
    getattr(acting, act.action)()
    if act.action not in _UNSEEN:
        asking.publish()


def keep_answer(asking: Asking, answer: GivenAnswer) -> None:
    """Store an answer, once under its id. Raises `TooManyAnswers`."""
    day_ago, most = asking.questions.now() - timedelta(days=1), asking.rules.answered_per_day
    # Deleted answers are in no table: without this limit an agent could answer, mail the asker and
    # delete, forever.
    allowed = asking.acts.is_within(f"answers:{answer.author_id}", answer.id, most)
    if not allowed or not asking.questions.answer(answer, most, day_ago):
        raise TooManyAnswers("Vous avez beaucoup répondu aujourd’hui : revenez demain.")


@dataclass(frozen=True, slots=True)
class _Acting:
    """An agent's action on a question that they may read: a method for each `QuestionAction`."""

    context: AnswerContext
    asking: Asking
    thread: Thread
    agent_id: str
    act: QuestionAct

    @property
    def question(self) -> AskedQuestion:
        return self.thread.question

    def accept(self) -> None:
        until = self.asking.questions.now() + timedelta(days=self.asking.rules.answer_days)
        self._decide(RequestState.ACCEPTED, until=until)

    def decline(self) -> None:
        if RequestState.ACCEPTED in self._own_states():
            raise InvalidParameter("Vous avez accepté : transmettez la question, avec une raison.")
        self._decide(RequestState.DECLINED)  # the next step asks the next recipient

    def retake(self) -> None:
        """Undo the agent's decline, as long as nobody was asked since."""
        if RequestState.DECLINED not in self._own_states():
            raise NotFound("Vous n’avez pas décliné cette question.")
        if not self.asking.questions.requests.take_back_decline(self.question.id, self.agent_id):
            raise InvalidParameter(
                "Trop tard : cette question est passée à la personne suivante, ou son délai est "
                "fini."
            )

    def transfer(self) -> None:
        reason = checked_text(self.act.text, MOST_REASON, "Écrivez la raison en quelques mots.")
        answering = answering_topics(self.context)
        self._decide(RequestState.PASSED_ON, reason=reason)
        go_on(self.context, self.question, answering)

    def answer(self) -> None:
        said = checked_text(self.act.text, MOST_TEXT, "Écrivez la réponse.")
        moment = self.asking.questions.now()
        answer = GivenAnswer(
            uuid4().hex,
            self.question.id,
            self.agent_id,
            said,
            moment,
            valid_until=self.act.valid_until,
        )
        keep_answer(self.asking, answer)

    def correct(self) -> None:
        said = checked_text(self.act.text, MOST_TEXT, "Écrivez la réponse.")
        self._within_the_day()
        self.asking.questions.correct(self._answer(own=True).id, said, self.act.valid_until)

    def delete_answer(self) -> None:
        self.asking.questions.remove_answer(self.question.id, self._answer(own=True).id)

    def confirm(self) -> None:
        """Show the agent's former text from a restored database again, unless it was hidden."""
        if self.act.answer_id:
            outdated = self._answer(own=True).outdated
        else:
            self._of_the_asker()
            outdated = self.question.outdated
        if not outdated:
            raise NotFound("Ce texte n’attend pas que vous le confirmiez.")
        this = self.question.id, self.act.answer_id, self.act.text_digest
        if not self.asking.questions.moderation.show_again(*this, outdated=True):
            raise InvalidParameter(OTHER_TEXT)

    def still_right(self) -> None:
        this = self.question.id, self._answer(own=True).id
        self.asking.questions.moderation.dismiss_reports(*this, only_outdated=True)

    def edit(self) -> None:
        self._of_the_asker()
        said, titled = checked_text(self.act.text, MOST_TEXT), checked_title(self.act.title)
        self._within_the_day()
        self.asking.questions.edit(self.question.id, titled, said)

    def helped(self) -> None:
        self._of_the_asker()
        self.asking.questions.accept(self.question.id, self._answer(own=False).id)

    def thank(self) -> None:
        self._of_the_asker()
        self.asking.questions.thank(self.question.id, self._answer(own=False).id)

    def lacks(self) -> None:
        self._of_the_asker()
        said = checked_text(self.act.text, MOST_REASON, "Écrivez ce qui manque.")
        if all(one.author_id == self.agent_id for one in self.thread.answers):
            raise InvalidParameter("Personne d’autre n’a encore répondu : corrigez votre question.")
        answering = answering_topics(self.context)
        self.asking.questions.lacks(self.question.id, said)
        go_on(self.context, self.question, answering)

    def open(self) -> None:
        self._of_the_asker()
        if not may_open(self.thread, self.asking.questions.requests.of_question(self.question.id)):
            raise InvalidParameter("Votre question n’attend plus un tour : relisez où elle en est.")
        self.asking.questions.requests.move(self.question.id, QuestionStage.ANIMATOR)

    def delete(self) -> None:
        self._of_the_asker()
        self.asking.questions.remove(self.question.id)

    def _within_the_day(self) -> None:
        """Limit corrections per day like answers, since each one is written to the index."""
        who, most = f"corrections:{self.agent_id}", self.asking.rules.answered_per_day
        if not self.asking.acts.is_within(who, uuid4().hex, most):
            raise TooManyAnswers("Vous avez beaucoup corrigé aujourd’hui : revenez demain.")

    def _decide(self, state: RequestState, until: datetime | None = None, reason: str = "") -> None:
        requests = self.asking.questions.requests
        if not requests.decide(self.question.id, self.agent_id, state, until, reason):
            raise NotFound("Cette question ne vous est pas, ou plus, posée.")

    def _of_the_asker(self) -> None:
        if self.question.asker_id != self.agent_id:
            raise NotFound("Seule la personne qui a posé la question peut le faire.")

    def _own_states(self) -> set[RequestState]:
        """Return the state of the agent's request, if there is one."""
        requests = self.asking.questions.requests.of_question(self.question.id)
        return {one.state for one in requests if one.agent_id == self.agent_id}

    def _answer(self, *, own: bool) -> GivenAnswer:
        """Return the action's answer, by this agent if `own`, else by another.

        Raises `NotFound`.
        """
        for one in self.thread.answers:
            if one.id == self.act.answer_id and (one.author_id == self.agent_id) == own:
                return one
        whose = "ou n’est pas la vôtre." if own else "ou est la vôtre."
        raise NotFound(f"Cette réponse n’existe pas, {whose}")
