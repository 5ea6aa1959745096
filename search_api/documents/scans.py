"""Confidence of text recognition for documents that are scans."""

from collections.abc import Collection, Mapping

from search_api.context import AnswerContext


def recognised(context: AnswerContext, document_ids: Collection[str]) -> Mapping[str, int]:
    """Return the confidence, from 0 to 100, by id of readable documents that are scans.

    The confidence is the mean of Tesseract's confidence in each word, weighted by the word's
    length.
    """
    return context.scans.confidences(document_ids) if context.scans else {}
