"""What one file may cost, in either extractor. Standard library only: the child imports it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one file: beyond them it is cut, or fails, and says so.

    `max_characters` bounds the text: what is beyond is cut, the beginning is kept and
    the file is named `too_large`. Five million are 2 500 pages, and fewer passages than
    an engine keeps with one document (10 000). `max_parts` bounds attachments, mails in
    mails and files of an archive taken together, `max_depth` how far one lies in
    another. `max_memory_bytes` holds for the child of `in_process`; a Tika server's heap
    is set in its own configuration.
    """

    timeout_s: float = 120.0
    max_bytes: int = 100_000_000
    max_characters: int = 5_000_000
    max_parts: int = 1_000
    max_depth: int = 8
    max_memory_bytes: int = 2_000_000_000

    @property
    def max_markup(self) -> int:
        """Characters of text with its tags: a table of empty cells has only those."""
        return 4 * self.max_characters

    @property
    def max_unpacked(self) -> int:
        """Bytes of all files of an archive together, archives within it counted again."""
        return 4 * self.max_bytes
