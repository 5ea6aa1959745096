"""The dated evidence of an agent's topics, as far as the one who asks may read it."""

from collections.abc import Mapping, Sequence
from datetime import date

from connectors.values import Agent
from expertise.holders import Basis
from expertise.overview import Reading
from expertise.standing import Holder
from expertise.values import Evidence
from expertise.weights import counting_rows
from indexer.access import AccessFilter
from indexer.values import Card, Question, ShowRequest

SHOWN = 5
"""Documents of one topic that a profile shows."""
_LOOKED_AT = 2 * SHOWN


def evidence_of_topics(
    reading: Reading, agent: Agent, held: Sequence[Holder], access: AccessFilter
) -> Mapping[str, tuple[Evidence, ...]]:
    """By topic id, newest first: what the agent contributed to, as the documents are now.

    Each document is open to every agent still, readable under `access`, and has a
    contribution of the agent's that counts.
    """
    weights = {
        one.cell.topic_id: {
            proof.document_id: proof.weight for proof in one.cell.proofs[:_LOOKED_AT]
        }
        for one in held
        if one.cell.basis == Basis.DEMONSTRATED and one.agent.id == agent.id
    }
    ids = reading.standing.still_open(id_ for some in weights.values() for id_ in some)
    if not ids:
        return {}
    shown = reading.standing.index.show(ShowRequest(access, ids, Question()))
    cards = {one.card.document_id: one.card for one in shown}
    accounts = {row.account for card in cards.values() for row in counting_rows(card)}
    owners = reading.book.by_account(accounts)
    own = {account for account, owner in owners.items() if owner.id == agent.id}
    found = {}
    for topic_id, some in weights.items():
        pairs = [(cards[id_], weight) for id_, weight in some.items() if id_ in cards]
        proofs = [_evidence(card, own, weight, agent) for card, weight in pairs]
        newest = sorted((one for one in proofs if one.roles), key=_newest_first)
        found[topic_id] = tuple(newest[:SHOWN])
    return found


def _evidence(card: Card, own: set[str], weight: float, agent: Agent) -> Evidence:
    rows = [row for row in counting_rows(card) if row.account in own]
    last = max((row.last for row in rows if row.last), default=None)
    return Evidence(
        document_id=card.document_id,
        title=card.title,
        url=card.url,
        roles=tuple(dict.fromkeys(row.role for row in rows)),
        first=min((row.first for row in rows if row.first), default=None),
        last=last,
        weight=weight,
        former=last is not None and agent.arrival is not None and last < agent.arrival,
    )


def _newest_first(one: Evidence) -> tuple[int, str]:
    return -(one.last or date.min).toordinal(), one.document_id
