"""What Tika answers, in a server or in-process, read as `Extracted` or as a failure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from connectors.values import Section
from indexer.extraction.clean_text import clean_text
from indexer.extraction.limits import Limits
from indexer.extraction.markdown import is_markdown, with_headings
from indexer.extraction.part_paths import clean_path, is_archive, named_apart
from indexer.extraction.tika_failures import (
    CONTAINER_EXCEPTION,
    CUT,
    STOPPED,
    Metadata,
    TikaPart,
    file_failed,
    first,
    is_locked,
)
from indexer.extraction.unread_parts import unread_parts
from indexer.extraction.xhtml import sections_of
from indexer.values import Extracted, Failure, UnreadPart

__all__ = ["Metadata", "TikaPart", "read_answer"]

_OLDEST_YEAR = 1980
_LONGEST_TITLE = 300
_NO_TITLE = re.compile(
    r"^(microsoft (word|excel|powerpoint|office)\b.*"
    r"|(document|classeur|présentation|presentation|book|slide|diapositive)\s*\d*"
    r"|(présentation|presentation) powerpoint|powerpoint presentation|diapositive \d+"
    r"|(sans titre|untitled|titre|title|no title|none|null)\s*\d*"
    r"|[~$_].*|tmp\S*|[0-9a-f]{8,}(-[0-9a-f]{4,})*"
    r"|\S*\.(tmp|docx?|dotx?|xlsx?|pptx?|odt|ods|odp|rtf|pdf|indd|html?|txt|eml|msg))$",
    re.IGNORECASE,
)


def read_answer(
    answered: Sequence[TikaPart], content: bytes, limits: Limits, filename: str = ""
) -> Extracted:
    """The file's own part comes first. Raises `ExtractionFailed`.

    Where there is text, the file is read; what of it is not stands in `unread`. A name
    tells Markdown from other text, and nothing else.
    """
    parts = named_apart(answered)
    metadata = parts[0].metadata if parts else {}
    broken = bool(first(metadata, CONTAINER_EXCEPTION))
    if is_locked(metadata) or (broken and not is_archive(parts[0])):
        raise file_failed(parts, content)
    found = [section for part in parts for section in _sections(part, limits, filename)]
    sections = tuple(_cut(found, limits.max_characters))
    unread = unread_parts(parts, found)
    if not any(section.text for section in sections):
        raise file_failed(parts, content, unread)
    return Extracted(
        sections,
        title=_title(metadata),
        author=clean_text(first(metadata, "dc:creator")),
        language=_language(metadata),
        created=_moment(metadata, "dcterms:created"),
        modified=_moment(metadata, "dcterms:modified"),
        unread=(*_beyond(parts, found, sections, limits), *unread),
    )


def _sections(part: TikaPart, limits: Limits, filename: str) -> Iterator[Section]:
    """What an archive says itself is the names of what it holds: they are no text."""
    xhtml = part.xhtml[: limits.max_markup]
    if is_markdown(part, part.path or filename):
        xhtml = with_headings(xhtml)
    for section in sections_of(xhtml, part.path):
        if section.path == part.path:
            if not is_archive(part):
                yield section
        else:
            yield replace(section, path=clean_path(section.path))


def _cut(sections: Sequence[Section], max_characters: int) -> Iterator[Section]:
    """The beginning, up to so many characters of text and headings."""
    left = max_characters
    for section in sections:
        left -= len(section.heading)
        if left <= 0:
            return
        yield section if len(section.text) <= left else replace(section, text=section.text[:left])
        left -= len(section.text)


def _beyond(
    parts: Sequence[TikaPart],
    found: Sequence[Section],
    kept: Sequence[Section],
    limits: Limits,
) -> Iterator[UnreadPart]:
    """That the document itself was not read to its end, and why."""
    reasons = []
    is_cut = (
        found[-1] != kept[-1]
        or any(first(part.metadata, CUT) for part in parts)
        or any(len(part.xhtml) > limits.max_markup for part in parts)
    )
    if is_cut:
        reasons.append(f"Au-delà de {limits.max_characters} caractères, le texte n'est pas lu.")
    if first(parts[0].metadata, STOPPED):
        reasons.append(f"Au-delà de {limits.max_parts} pièces, les pièces ne sont pas lues.")
    if first(parts[0].metadata, CONTAINER_EXCEPTION):
        yield UnreadPart("", Failure.UNREADABLE, "L'archive est abîmée : la suite n'est pas lue.")
        return
    if reasons:
        yield UnreadPart("", Failure.TOO_LARGE, " ".join(reasons))


def _title(metadata: Metadata) -> str:
    title = " ".join(clean_text(first(metadata, "dc:title")).split())
    return "" if len(title) > _LONGEST_TITLE or _NO_TITLE.match(title) else title


def _language(metadata: Metadata) -> str:
    said = first(metadata, "dc:language") or first(metadata, "Content-Language")
    found = re.match(r"[a-z]{2}(?![a-z])", said.strip().lower())
    return found[0] if found else ""


def _moment(metadata: Metadata, key: str) -> datetime | None:
    """A date that a person may have meant, in UTC; a clock that was never set gives none."""
    said = re.sub(r"(\.\d{6})\d+", r"\1", first(metadata, key))
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware if _OLDEST_YEAR <= aware.year <= datetime.now(UTC).year + 1 else None
