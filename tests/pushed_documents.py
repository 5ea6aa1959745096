"""Documents that applications push: records, and one in the format of La Suite's find."""

from typing import Any

OPEN = {"allowed": ["everyone"]}
CLOSED = {"allowed": ["annuaire:group:fraude"]}


def post(name: str, text: str = "texte", readers: object = OPEN, **more: object) -> dict[str, Any]:
    line = {"type": "post", "id": name, "title": name, "text": text, "readers": readers}
    return line | more


SUB = "0b1c2d3e-1111-4222-8333-444455556666"
DOCUMENT: dict[str, Any] = {
    "id": "5f0cbb4e-72cc-4c1c-8d26-1c6f34d5b0a1",
    "title": "Notice du cadastre",
    "depth": 1,
    "path": "0001",
    "numchild": 0,
    "content": "Le bornage fixe la limite.",
    "created_at": "2026-01-01T10:00:00+00:00",
    "updated_at": "2026-01-02T10:00:00+00:00",
    "size": 26,
    "users": [SUB],
    "groups": ["geometres"],
    "reach": "restricted",
    "is_active": True,
}
