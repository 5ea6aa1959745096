"""Windows of ranked documents, for tests of who knows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from connectors.values import Agent, Contribution, ContributorRole, EvidencePolicy
from expertise.names import NamedAgent, asked_words, match_agent, order_matches
from expertise.values import RankedDocument
from indexer.values import Card

TODAY = date(2026, 3, 10)


def card(document_id: str, *contributions: Contribution) -> Card:
    """A document with these contributions, and nothing else that votes look at."""
    return Card(
        document_id=document_id,
        source=document_id.partition(":")[0],
        title=f"Note {document_id}",
        url="",
        kind="note",
        language="fr",
        space="",
        part_of="",
        entity="",
        area="",
        created=None,
        modified=None,
        valid_from=None,
        valid_until=None,
        replaces=(),
        evidence=EvidencePolicy.YES,
        contributions=contributions,
    )


def wrote(
    account: str, role: ContributorRole = ContributorRole.AUTHOR, last: date | None = None
) -> Contribution:
    """What an account did, undated unless the test says when."""
    return Contribution(account, role, first=last, last=last)


def ranked(score: float, one: Card) -> RankedDocument:
    """A document of a window, which says as much of the question as its score tells."""
    return RankedDocument(one, score, said=score)


@dataclass(frozen=True, slots=True)
class ListedBook:
    """A directory of these agents."""

    agents: tuple[Agent, ...]

    def by_account(self, accounts: Iterable[str]) -> Mapping[str, Agent]:
        asked = set(accounts)
        return {name: agent for agent in self.agents for name in agent.accounts if name in asked}

    def named(self, question: str) -> tuple[NamedAgent, ...]:
        words = asked_words(question)
        listed = (agent for agent in self.agents if agent.listed)
        return order_matches(one for agent in listed if (one := match_agent(words, agent)))
