"""An animator's word on a proposed topic; it acts at the next build."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from expertise.decisions import Decision, SqlDecisions, Verdict
from expertise.overview import Reading
from expertise.proposals import (
    Proposal,
    open_cards,
    proposal_record,
    proposals,
    standing_documents,
    terms_of,
)
from expertise.records import ProposalRecord
from expertise.topics import TopicKind, label_key

LONGEST_LABEL = 120


class _Refused(Exception):
    """`sentence` is French, its `%(name)s` filled by `variables` in the error's own text."""

    def __init__(self, sentence: str, **variables: object) -> None:
        super().__init__(sentence % variables if variables else sentence)
        self.sentence, self.variables = sentence, variables


class NoSuchProposal(_Refused):
    """It was decided about, has fallen, or never was; or there is no such topic or decision."""


class Undecidable(_Refused):
    """What was asked cannot be done; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Deciding:
    """Verdicts on what one build proposes. Each raises `NoSuchProposal` or `Undecidable`.

    `may` says whether what stands in these communities is the decider's: what is not theirs
    is unknown to them. It is asked of none where all of a decision's documents are gone.
    """

    reading: Reading
    decisions: SqlDecisions
    may: Callable[[frozenset[str]], bool]

    def waiting(self) -> tuple[Proposal, ...]:
        """Proposals that nobody decided about. Raises `IndexUnreachable`."""
        found = proposals(self.reading, self.decisions.all())
        return tuple(one for one in found if self.may(one.communities))

    def told(self) -> tuple[Decision, ...]:
        """Decisions; what was refused keeps its terms only while all of it is still open."""
        made = [one for one in self.decisions.all() if self._is_theirs(one)]
        still = standing_documents(self.reading, {pair for one in made for pair in one.marked})
        return tuple(
            one if one.marked <= still else replace(one, terms=frozenset()) for one in made
        )

    def accept(self, proposal_id: str, label: str) -> Decision:
        """Make it a topic of this name."""
        named = _sound(label)
        other = next(
            (
                one.topic.label
                for one in self.reading.topics.values()
                if one.topic.kind == TopicKind.TOPIC
                and label_key(named) in map(label_key, one.topic.labels)
            ),
            None,
        )
        taken = other or next(
            (
                one.label
                for one in self.decisions.all()
                if one.verdict is not Verdict.REFUSED and label_key(one.label) == label_key(named)
            ),
            None,
        )
        if taken:
            raise Undecidable(
                "« %(taken)s » est déjà un sujet, ou un autre nom d'un sujet : réunissez-les, ou "
                "choisissez un autre nom.",
                taken=taken,
            )
        return self._keep(Verdict.ACCEPTED, self._record(proposal_id), label=named)

    def merge(self, proposal_id: str, topic_id: str, label: str = "") -> Decision:
        """Make it another name of a topic: `label`, else its most telling term."""
        if topic_id not in self.reading.topics:
            raise NoSuchProposal("Ce sujet n'est pas dans la liste.")
        record = self._record(proposal_id)
        named = _sound(label or record.terms[0][0])
        return self._keep(Verdict.MERGED, record, label=named, topic_id=topic_id)

    def refuse(self, proposal_id: str) -> Decision:
        """Not to be proposed again, as long as it is about the same documents or terms."""
        return self._keep(Verdict.REFUSED, self._record(proposal_id))

    def forget(self, decision_id: str) -> None:
        """Take a decision back."""
        theirs = {one.id for one in self.decisions.all() if self._is_theirs(one)}
        if decision_id not in theirs or not self.decisions.forget(decision_id):
            raise NoSuchProposal("Cette décision n'existe pas, ou plus.")

    def _is_theirs(self, decision: Decision) -> bool:
        if self.may(frozenset()):
            return True
        cards = open_cards(self.reading, sorted(decision.documents))
        return self.may(frozenset(card.space for card in cards))

    def _record(self, proposal_id: str) -> ProposalRecord:
        shown = {one.id for one in self.waiting()}
        record = proposal_record(self.reading, proposal_id) if proposal_id in shown else None
        if record is None:
            raise NoSuchProposal("Ce sujet n'est pas, ou n'est plus, proposé.")
        return record

    def _keep(
        self, verdict: Verdict, record: ProposalRecord, *, label: str = "", topic_id: str = ""
    ) -> Decision:
        return self.decisions.keep(
            verdict,
            frozenset(record.documents),
            terms_of(record),
            self.reading.standing.today,
            label=label,
            topic_id=topic_id,
        )


def _sound(label: str) -> str:
    named = " ".join(label.split())
    if not label_key(named) or len(named) > LONGEST_LABEL or not named.isprintable():
        raise Undecidable(
            "Donnez un nom d'un mot porteur de sens au moins, de %(most)s caractères au plus.",
            most=LONGEST_LABEL,
        )
    return named
