"""Responses to a push, and the port that receives pushed documents."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel

from quisait_push.items import PushLimits, PushOutcome, PushReceipt


class PushReceiver(Protocol):
    """Receives pushed documents; every method may raise `InboxUnreachable`."""

    limits: PushLimits

    def source_of(self, token: str) -> str | None:
        """Return the source that a token belongs to, None for an unknown token."""

    def receive(self, source: str, items: Sequence[object]) -> tuple[PushReceipt, ...]:
        """Store records, deletions and changes of access durably. Raises `InboxFull`."""

    def delete(self, source: str, ids: Sequence[str]) -> tuple[PushReceipt, ...]:
        """Store deletions."""


class ReceiptBody(BaseModel):
    """The outcome of one item; outcomes are in the order of the items."""

    id: str
    status: PushOutcome
    code: str = ""
    reason: str = ""


class PushBody(BaseModel):
    """The response to a push; accepted items are stored durably."""

    accepted: int
    unchanged: int
    refused: int
    items: list[ReceiptBody]


def push_answer(receipts: Sequence[PushReceipt]) -> PushBody:
    """Return the counts and receipts of a push."""
    counts = {one: sum(receipt.outcome is one for receipt in receipts) for one in PushOutcome}
    return PushBody(
        accepted=counts[PushOutcome.ACCEPTED],
        unchanged=counts[PushOutcome.UNCHANGED],
        refused=counts[PushOutcome.REFUSED],
        items=[
            ReceiptBody(id=one.document_id, status=one.outcome, code=one.code, reason=one.reason)
            for one in receipts
        ],
    )
