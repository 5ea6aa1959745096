"""Which attachments of a document are missing from its text, and why."""

import mimetypes
from collections.abc import Iterator, Sequence

from connectors.values import Section
from indexer.extraction.part_paths import clean_path
from indexer.extraction.tika_failures import (
    PART_EXCEPTION,
    STREAM_EXCEPTION,
    TikaPart,
    each,
    part_failed,
)
from indexer.extraction.xhtml import attachments_of
from indexer.values import Failure, UnreadPart

MOST_NAMED = 100
"""So many are named one by one; what is more is told in one line."""


def unread_parts(parts: Sequence[TikaPart], sections: Sequence[Section]) -> tuple[UnreadPart, ...]:
    """In the order of the parts, each path once."""
    with_text = {section.path for section in sections if section.text}
    found: dict[str, UnreadPart] = {}
    for part in parts:
        for unread in (*_itself(part, with_text), *_inside(part, parts, with_text)):
            found.setdefault(unread.path, unread)
    named, more = list(found.values())[:MOST_NAMED], len(found) - MOST_NAMED
    if more > 0:
        named.append(UnreadPart("…", Failure.UNREADABLE, f"Et {more} autres pièces non lues."))
    return tuple(named)


def _itself(part: TikaPart, with_text: set[str]) -> Iterator[UnreadPart]:
    failed = part_failed(part.metadata, part.path in with_text) if part.path else None
    if failed:
        yield UnreadPart(part.path, *failed)


def _locked_stream(reason: str) -> str:
    """The file that Tika names as encrypted; empty where it names none.

    No pattern: one takes the square of a reason that says «stream (» again and again.
    """
    before, locked, _ = reason.partition(") is encrypted")
    return before.partition("stream (")[2] if locked else ""


def _inside(part: TikaPart, parts: Sequence[TikaPart], with_text: set[str]) -> Iterator[UnreadPart]:
    """What an archive could not unpack, and what in-process Tika read in one go with it."""
    for reason in each(part.metadata, STREAM_EXCEPTION):
        if name := _locked_stream(reason):
            path = clean_path(f"{part.path}/{name}")
            yield UnreadPart(path, Failure.ENCRYPTED, "Fichier chiffré, par mot de passe.")
    if part.path or len(parts) > 1:
        return  # each has a part of its own, with its own reason
    reasons = each(part.metadata, PART_EXCEPTION)
    if not reasons:
        return
    locked_ones = sum("EncryptedDocument" in reason for reason in reasons)
    failure = Failure.ENCRYPTED if locked_ones == len(reasons) else Failure.UNREADABLE
    silent = [
        path
        for path in map(clean_path, attachments_of(part.xhtml))
        if path not in with_text and not (mimetypes.guess_type(path)[0] or "").startswith("image/")
    ]
    for path in silent or (["…"] if locked_ones else []):
        yield UnreadPart(path, failure, "Aucun texte n'a pu en être tiré.")
