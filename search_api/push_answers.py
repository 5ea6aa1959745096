"""The answers to a push, and the port of what receives it."""

from collections.abc import Sequence
from typing import Literal, Protocol

from pydantic import BaseModel

from connectors.push.items import PushLimits, PushOutcome, PushReceipt


class PushReceiver(Protocol):
    """Receives pushed documents; every call may raise `InboxUnreachable`."""

    limits: PushLimits

    def source_of(self, token: str) -> str | None:
        """The source that a token belongs to, None for an unknown token."""
        ...

    def receive(self, source: str, items: Sequence[object]) -> tuple[PushReceipt, ...]:
        """Store records, deletions and changes of access durably. Raises `InboxFull`."""
        ...

    def receive_find(self, source: str, items: Sequence[object]) -> tuple[PushReceipt, ...]:
        """The same for documents in the form of La Suite's find."""
        ...

    def delete(self, source: str, ids: Sequence[str]) -> tuple[PushReceipt, ...]:
        """Store deletions."""
        ...


class ReceiptBody(BaseModel):
    """The outcome of one item; outcomes stand in the order of the items."""

    id: str
    status: PushOutcome
    code: str = ""
    reason: str = ""


class PushBody(BaseModel):
    """The answer to a push: what it calls accepted is stored durably."""

    accepted: int
    unchanged: int
    refused: int
    items: list[ReceiptBody]


class FindFault(BaseModel):
    """How find reports a field that it refuses."""

    msg: str
    type: str
    loc: list[str]


class FindItem(BaseModel):
    """How find answers for one document of several."""

    index: int
    status: Literal["success", "error"]
    id: str | None = None
    errors: list[FindFault] | None = None

    def spelled(self) -> dict[str, object]:
        """The JSON of find: the id is `_id`, and absent fields are left out."""
        body = self.model_dump(exclude_none=True)
        return {("_id" if name == "id" else name): value for name, value in body.items()}


def push_answer(receipts: Sequence[PushReceipt]) -> PushBody:
    """Counts and receipts."""
    counts = {one: sum(receipt.outcome is one for receipt in receipts) for one in PushOutcome}
    items = [
        ReceiptBody(
            id=receipt.document_id,
            status=receipt.outcome,
            code=receipt.code,
            reason=receipt.reason,
        )
        for receipt in receipts
    ]
    return PushBody(
        accepted=counts[PushOutcome.ACCEPTED],
        unchanged=counts[PushOutcome.UNCHANGED],
        refused=counts[PushOutcome.REFUSED],
        items=items,
    )


def find_fault(receipt: PushReceipt) -> FindFault:
    """A refusal in find's form."""
    return FindFault(msg=receipt.reason, type=receipt.code, loc=[receipt.place])


def find_answer(receipts: Sequence[PushReceipt]) -> list[dict[str, object]]:
    """Find's answer to several documents."""
    return [
        FindItem(index=index, status="error", errors=[find_fault(receipt)]).spelled()
        if receipt.outcome is PushOutcome.REFUSED
        else FindItem(index=index, status="success", id=receipt.document_id).spelled()
        for index, receipt in enumerate(receipts)
    ]
