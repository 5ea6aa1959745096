"""What every encoder does to a text before its model sees it."""

LONGEST_TEXT = 6_000
"""Characters. A model reads 512 tokens; what stands beyond costs time and changes nothing."""


def encodable(text: str) -> str:
    """The text without what breaks an engine: NUL ends a C string, a lone surrogate UTF-8."""
    return text[:LONGEST_TEXT].replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


class TorchMissing(Exception):
    """The extra that brings torch is not installed."""
