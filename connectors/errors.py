"""What may go wrong with a source, by what the caller can do about it.

SourceError
├── SourceUnreachable   try again later; nothing is lost
├── SourceRefused       stop and tell the administrator
└── RecordVanished      the record went away while it was read: skip it
"""


class SourceError(Exception):
    """The root of what a source may raise; its text is a sentence for the administrator."""


class SourceUnreachable(SourceError):
    """The source did not answer: try again later."""


class SourceRefused(SourceError):
    """The source, or its configuration, forbids going on: a person has to act."""


class RecordVanished(SourceError):
    """The record went away between its listing and its reading."""
