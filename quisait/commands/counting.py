"""Counts as a terminal shows them: in ordinary spaces, to be searched and copied."""


def counted(value: int, one: str) -> str:
    """`1 document`, `2 documents`, `12 345 documents`: below 2 French is singular."""
    return f"{value:,}".replace(",", " ") + f" {one if value < 2 else one + 's'}"
