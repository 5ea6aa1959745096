"""Responses to a push."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel

from connectors.push.items import PushOutcome, PushReceipt


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


class FindFault(BaseModel):
    """A field that was refused, in find's format."""

    msg: str
    type: str
    loc: list[str]


class FindItem(BaseModel):
    """The outcome for one document of several, in find's format."""

    index: int
    status: Literal["success", "error"]
    id: str | None = None
    errors: list[FindFault] | None = None

    def spelled(self) -> dict[str, object]:
        """Return the JSON of find: the id is `_id`, and absent fields are left out."""
        body = self.model_dump(exclude_none=True)
        return {("_id" if name == "id" else name): value for name, value in body.items()}


def push_answer(receipts: Sequence[PushReceipt]) -> PushBody:
    """Return the counts and receipts of a push."""
    counts = {one: sum(receipt.outcome is one for receipt in receipts) for one in PushOutcome}
    items = [
        ReceiptBody(
            id=receipt.document_id, status=receipt.outcome, code=receipt.code, reason=receipt.reason
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
    """Return a refusal in find's format."""
    return FindFault(msg=receipt.reason, type=receipt.code, loc=[receipt.place])


def find_answer(receipts: Sequence[PushReceipt]) -> list[dict[str, object]]:
    """Return find's response to several documents."""
    return [
        FindItem(index=index, status="error", errors=[find_fault(receipt)]).spelled()
        if receipt.outcome is PushOutcome.REFUSED
        else FindItem(index=index, status="success", id=receipt.document_id).spelled()
        for index, receipt in enumerate(receipts)
    ]
