"""The answers to a push, and the port of what receives it."""

from collections.abc import Sequence
from typing import Literal, Protocol

from pydantic import BaseModel

from connectors.push.items import PushLimits, PushOutcome, PushReceipt


class PushReceiver(Protocol):
    """The door of the sources that push; every call may raise `InboxUnreachable`."""

    limits: PushLimits

    def source_of(self, token: str) -> str | None:
        """The source that a token opens, None for a token that opens none."""
        ...

    def receive(self, source: str, items: Sequence[object]) -> tuple[PushReceipt, ...]:
        """Take in records, tombstones and new readers, durably. Raises `InboxFull`."""
        ...

    def receive_find(self, source: str, items: Sequence[object]) -> tuple[PushReceipt, ...]:
        """The same for documents as La Suite's find takes them."""
        ...

    def delete(self, source: str, ids: Sequence[str]) -> tuple[PushReceipt, ...]:
        """Take in tombstones alone."""
        ...


class ReceiptBody(BaseModel):
    """What became of one item, in the order in which they came."""

    id: str
    status: PushOutcome
    code: str = ""
    reason: str = ""


class PushBody(BaseModel):
    """The answer to a push: everything that it says is accepted is durable."""

    accepted: int
    unchanged: int
    refused: int
    items: list[ReceiptBody]


class FindFault(BaseModel):
    """What find says of a field that it refuses."""

    msg: str
    type: str
    loc: list[str]


class FindItem(BaseModel):
    """What find answers about one document of several."""

    index: int
    status: Literal["success", "error"]
    id: str | None = None
    errors: list[FindFault] | None = None

    def spelled(self) -> dict[str, object]:
        """As find spells it: the id is `_id`, and what is not there is left out."""
        body = self.model_dump(exclude_none=True)
        return {("_id" if name == "id" else name): value for name, value in body.items()}


def push_answer(receipts: Sequence[PushReceipt]) -> PushBody:
    """Counts and receipts."""
    counts = {one: sum(r.outcome is one for r in receipts) for one in PushOutcome}
    items = [
        ReceiptBody(id=r.document_id, status=r.outcome, code=r.code, reason=r.reason)
        for r in receipts
    ]
    return PushBody(
        accepted=counts[PushOutcome.ACCEPTED],
        unchanged=counts[PushOutcome.UNCHANGED],
        refused=counts[PushOutcome.REFUSED],
        items=items,
    )


def find_fault(receipt: PushReceipt) -> FindFault:
    """A refusal in find's words."""
    return FindFault(msg=receipt.reason, type=receipt.code, loc=[receipt.place])


def find_answer(receipts: Sequence[PushReceipt]) -> list[dict[str, object]]:
    """Find's answer to several documents."""
    return [
        FindItem(index=index, status="error", errors=[find_fault(receipt)]).spelled()
        if receipt.outcome is PushOutcome.REFUSED
        else FindItem(index=index, status="success", id=receipt.document_id).spelled()
        for index, receipt in enumerate(receipts)
    ]
