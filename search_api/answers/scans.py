"""Whether a document's text was recognised on a scan, and how sure that is."""

from collections.abc import Collection, Mapping

from search_api.answers.context import AnswerContext


def recognised(context: AnswerContext, document_ids: Collection[str]) -> Mapping[str, int]:
    """Of documents that the reader may read, by id: the confidence, from 0 to 100.

    It is the mean of Tesseract's in each word, weighed by its length.
    """
    return context.scans.confidences(document_ids) if context.scans else {}
