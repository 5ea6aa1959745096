"""Responses to a push."""

from collections.abc import Sequence

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


def find_fault(receipt: PushReceipt) -> dict[str, object]:
    """Return a refusal in find's format."""
    return {"msg": receipt.reason, "type": receipt.code, "loc": [receipt.place]}


def find_answer(receipts: Sequence[PushReceipt]) -> list[dict[str, object]]:
    """Return find's response to several documents."""
    return [
        {"index": index, "status": "error", "errors": [find_fault(receipt)]}
        if receipt.outcome is PushOutcome.REFUSED
        else {"index": index, "status": "success", "_id": receipt.document_id}
        for index, receipt in enumerate(receipts)
    ]
