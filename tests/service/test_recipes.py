"""The recipes of docs/recettes.md, each on a small server that answers as its application does.

What they write is read by the source of exports: who reads each document, and who wrote it.
"""

import json
import runpy
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from quisait_export.connector import ExportSource

from connectors.ports import Malformed, Upsert
from connectors.snapshot import Snapshot
from connectors.values import Document
from tests.http_server import Handler, serving

pytestmark = [pytest.mark.sources, pytest.mark.trust]

RECIPES = Path(__file__).parents[2] / "docs" / "recettes"


class Served:
    """Answers by path; an answer may be a function of the query, and bytes are sent as they are."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.headers: list[Mapping[str, str]] = []

    def answer(self, path: str) -> Any:
        parts = urlsplit(path)
        found = self.answers.get(unquote(parts.path))
        return found(dict(parse_qsl(parts.query))) if callable(found) else found


@pytest.fixture
def served() -> Iterator[tuple[Served, str]]:
    one = Served()

    class Answers(Handler):
        def answer(self) -> None:
            one.headers.append(self.headers)  # type: ignore[arg-type]  # read as a mapping
            found = one.answer(self.path)
            body = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.say(404 if found is None else 200, body)

    with serving(Answers) as origin:
        yield one, origin


@pytest.fixture
def run(served: tuple[Served, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a recipe against the server; return the documents of its export by title."""
    (tmp_path / "token").write_text("un-jeton\n", "utf-8")
    export = tmp_path / "export.jsonl"
    monkeypatch.syspath_prepend(str(RECIPES))
    monkeypatch.setattr("connectors.http_host.HttpHost._pace", lambda _: None)

    def ran(name: str) -> dict[str, Document]:
        arguments = [name, served[1], str(tmp_path / "token"), str(export)]
        monkeypatch.setattr(sys, "argv", arguments)
        runpy.run_path(str(RECIPES / f"{name}.py"), run_name="__main__")
        changes = list(Snapshot(ExportSource(name.partition("_")[0], export)).changes(None))
        assert not [one for one in changes if isinstance(one, Malformed)]
        return {one.document.title: one.document for one in changes if isinstance(one, Upsert)}

    return ran


def readers(found: dict[str, Document]) -> dict[str, set[str]]:
    return {title: set(one.access.allowed) for title, one in found.items()}


def accounts(document: Document) -> set[tuple[str, str]]:
    return {(one.account, one.role.value) for one in document.contributions}


def pages_of(*found: Any) -> Any:
    """Return the answer of a paged list: `found` on the first page, nothing on others."""
    return lambda query: list(found) if query.get("start", query.get("page", "0")) == "0" else []


def ranged(*found: Any) -> Any:
    """Return the answer of a list that is requested by ranges."""
    return lambda query: list(found) if query["range"] == "0-99" else []


def discourse_post(number: int, author: str, text: str, **other: Any) -> dict[str, Any]:
    said = {"post_number": number, "username": author, "cooked": f"<p>{text}</p>", "post_type": 1}
    return said | {"created_at": "2026-01-15T09:00:00.000Z"} | other


def test_discourse(served: tuple[Served, str], run: Any) -> None:
    """A category's groups read; whispers, hidden and deleted posts and unlisted topics are not."""
    categories = [{"id": n, "slug": f"c{n}", "name": f"Catégorie {n}"} for n in (1, 2, 3)]
    served[0].answers["/site.json"] = {"categories": categories}
    groups = {1: ["everyone"], 2: ["geometres", "syndicat"], 3: ["syndicat"]}
    listed = {
        1: [{"id": 10, "title": "Bornage", "category_id": 1, "visible": True}],
        2: [
            {"id": 20, "title": "Division", "category_id": 2, "visible": True},
            {"id": 21, "title": "Hors liste", "category_id": 2, "visible": False},
            {"id": 22, "title": "Déplacé depuis", "category_id": 2, "visible": True},
        ],
        3: [{"id": 30, "title": "Élections", "category_id": 3, "visible": True}],
    }
    for number, names in groups.items():
        permissions = [{"group_name": one, "permission_type": 3} for one in names]
        shown = {"category": {"group_permissions": permissions}}
        served[0].answers[f"/c/{number}/show.json"] = shown
        found = pages_of(*listed[number])
        served[0].answers[f"/c/c{number}/{number}/l/latest.json"] = lambda query, found=found: {
            "topic_list": {"topics": found(query)}
        }
    stream = [
        discourse_post(1, "ana", "Que faire ?"),
        discourse_post(2, "ben", "Le procès-verbal.", accepted_answer=True),
        discourse_post(3, "cyd", "Entre nous.", post_type=4),
        discourse_post(4, "dan", "Effacé.", deleted_at="2026-01-16T09:00:00.000Z"),
        discourse_post(5, "eve", "Masqué.", hidden=True),
    ]
    for topic in (10, 20, 21, 22, 30):
        posts = {"posts": stream, "stream": [1, 2, 3, 4, 5]}
        moved = {"category_id": 3 if topic == 22 else topic // 10, "post_stream": posts}
        served[0].answers[f"/t/{topic}.json"] = moved
        served[0].answers[f"/t/{topic}/posts.json"] = {"post_stream": posts}
    found = run("discourse")
    assert readers(found) == {
        "Bornage": {"everyone"},
        "Division": {"annuaire:group:geometres"},
        "Élections": set(),
    }
    said = {("discourse:ana", "asker"), ("discourse:ben", "accepted_answerer")}
    assert accounts(found["Bornage"]) == said
    assert "procès-verbal" in repr(found["Bornage"].sections)
    assert not any(word in repr(found) for word in ("Entre nous", "Effacé", "Masqué"))
    assert served[0].headers[-1]["Api-Key"] == "un-jeton"


def test_confluence(served: tuple[Served, str], run: Any) -> None:
    """A page is read by whom its space, itself and every page above it admit."""

    def page(number: str, title: str, above: str = "", users: Any = (), groups: Any = ()) -> Any:
        only = {
            "user": {"results": [{"username": one} for one in users]},
            "group": {"results": [{"name": one} for one in groups]},
        }
        history = {
            "createdBy": {"username": "ana"},
            "createdDate": "2026-01-15T09:00:00.000+01:00",
            "contributors": {"publishers": {"users": [{"username": "ben"}]}},
        }
        return {
            "id": number, "title": title, "ancestors": [{"id": above}] if above else [],
            "restrictions": {"read": {"restrictions": only}}, "history": history,
            "body": {"storage": {"value": f"<h1>{title}</h1><p>Le bornage.</p>"}},
            "version": {"when": "2026-02-15T09:00:00.000+01:00"},
            "_links": {"webui": f"/x/{number}"},
        }  # fmt: skip

    spaces = {
        "CAD": [
            page("1", "Ouverte"),
            page("2", "Réservée", groups=["geometres", "inconnu"]),
            page("3", "Dessous", above="2", users=["ben"]),
            page("4", "Sous une absente", above="99"),
            page("5", "Groupe inconnu", groups=["inconnu"]),
        ],
        "RH": [page("6", "Paie"), page("7", "De tous les RH", groups=["rh", "geometres"])],
    }
    served[0].answers["/rest/api/content"] = lambda query: {
        "results": pages_of(*spaces[query["spaceKey"]])(query)
    }
    found = run("confluence")
    assert readers(found) == {
        "Ouverte": {"everyone"},
        "Réservée": {"annuaire:group:geometres"},
        "Dessous": set(),
        "Sous une absente": set(),
        "Groupe inconnu": set(),
        "Paie": {"annuaire:group:rh"},
        "De tous les RH": {"annuaire:group:rh"},
    }
    said = {("confluence:ana", "author"), ("confluence:ben", "editor")}
    assert accounts(found["Ouverte"]) == said
    assert found["Ouverte"].sections[0].heading == "Ouverte"


def test_xwiki(served: tuple[Served, str], run: Any) -> None:
    """A space that is named opens its pages, except where rights stand below it."""
    pages = [
        ("Cadastre", "Bornage"), ("Cadastre", "Reservee"), ("Cadastre", "WebPreferences"),
        ("Cadastre.Plan", "Feuille"), ("Cadastre.Ferme", "Note"), ("Cadastre.Ferme.Bas", "Note2"),
        ("Cadastre.Fraude", "Carrousel"), ("Autre", "Page"),
    ]  # fmt: skip
    served[0].answers["/rest/wikis/xwiki/pages"] = lambda query: {
        "pageSummaries": pages_of(*({"space": s, "name": n} for s, n in pages))(query)
    }
    for space, name in pages:
        path = f"/rest/wikis/xwiki/spaces/{'/spaces/'.join(space.split('.'))}/pages/{name}"
        served[0].answers[path] = {
            "fullName": f"{space}.{name}", "name": name, "title": name, "creator": "XWiki.ana",
            "author": "XWiki.ben", "created": 1768464000000, "modified": 1768550400000,
            "content": "= Titre =\n\nLe bornage {{include reference='Secret'/}}.",
            "xwikiAbsoluteUrl": "https://wiki.exemple/x",
        }  # fmt: skip
    rights = {"objectSummaries": [{"className": "XWiki.XWikiRights"}]}
    wiki = "/rest/wikis/xwiki/spaces/Cadastre"
    served[0].answers[f"{wiki}/pages/Reservee/objects"] = rights
    preferences = {"objectSummaries": [{"className": "XWiki.XWikiGlobalRights"}]}
    served[0].answers[f"{wiki}/spaces/Ferme/pages/WebPreferences/objects"] = preferences
    served[0].answers[f"{wiki}/pages/WebPreferences/objects"] = preferences
    found = run("xwiki")
    assert readers(found) == {
        "Bornage": {"everyone"},
        "Reservee": set(),
        "Feuille": {"everyone"},
        "Note": set(),
        "Note2": set(),
        "Carrousel": {"annuaire:group:fraude"},
    }
    assert accounts(found["Bornage"]) == {("xwiki:ana", "author"), ("xwiki:ben", "editor")}
    assert found["Bornage"].sections[0].heading == "Titre"
    assert "include" not in repr(found["Bornage"].sections)


def test_glpi(served: tuple[Served, str], run: Any) -> None:
    """An article is read by those it is addressed to, within its dates."""
    article = {"answer": "&lt;p&gt;Redémarrez.&lt;/p&gt;", "users_id": 7, "begin_date": None}
    article |= {"end_date": None, "date_mod": "2026-01-15 09:00:00"}
    named = {
        1: {"name": "Ouvert"},
        2: {"name": "Du support"},
        3: {"name": "Périmé", "end_date": "2020-01-01 00:00:00"},
        4: {"name": "À personne"},
        5: {"name": "D'une entité"},
    }
    answers = served[0].answers
    answers["/initSession"] = {"session_token": "une-session"}
    answers["/User/7"] = {"name": "ana"}
    answers["/User/8"] = {"name": "ben"}
    for number in named:
        for kind in ("Group_KnowbaseItem", "Entity_KnowbaseItem", "KnowbaseItem_User"):
            answers[f"/KnowbaseItem/{number}/{kind}"] = ranged()
    answers["/KnowbaseItem"] = ranged(*(article | {"id": n} | one for n, one in named.items()))
    for number in (1, 3):
        path = f"/KnowbaseItem/{number}/Entity_KnowbaseItem"
        answers[path] = ranged({"entities_id": 0, "is_recursive": 1})
    group = {"groups_id": 12, "no_entity_restriction": 1}
    others = ({"groups_id": 13, "no_entity_restriction": 1}, group | {"groups_id": 12})
    answers["/KnowbaseItem/2/Group_KnowbaseItem"] = ranged(*others)
    answers["/KnowbaseItem/2/KnowbaseItem_User"] = ranged({"users_id": 8})
    narrow = {"groups_id": 12, "no_entity_restriction": 0}
    answers["/KnowbaseItem/5/Group_KnowbaseItem"] = ranged(narrow)
    answers["/KnowbaseItem/5/Entity_KnowbaseItem"] = ranged({"entities_id": 3, "is_recursive": 1})
    found = run("glpi")
    assert readers(found) == {
        "Ouvert": {"everyone"},
        "Du support": {"annuaire:group:support", "glpi:account:ben"},
        "Périmé": set(),
        "À personne": set(),
        "D'une entité": set(),
    }
    assert accounts(found["Ouvert"]) == {("glpi:ana", "author")}
    assert found["Ouvert"].sections[0].text.strip() == "Redémarrez."

    ticket = {"itilcategories_id": 34, "status": 6, "is_deleted": 0, "content": "<p>En panne</p>"}
    ticket |= {"date": "2026-01-15 09:00:00"}
    tickets = [
        ticket | {"id": 1, "name": "Imprimante"},
        ticket | {"id": 2, "name": "Ouverte", "status": 2},
        ticket | {"id": 3, "name": "Autre", "itilcategories_id": 35},
        ticket | {"id": 4, "name": "Effacée", "is_deleted": 1},
    ]
    answers["/Ticket"] = ranged(*tickets)
    told = {"users_id": 7, "content": "<p>Essayez le câble.</p>", "is_private": 0}
    secret = told | {"content": "<p>Entre nous.</p>", "is_private": 1}
    answers["/Ticket/1/ITILFollowup"] = ranged(told, secret)
    solution = {"users_id": 8, "content": "<p>Le câble est changé.</p>", "status": 3}
    refused = solution | {"content": "<p>Refusée.</p>", "status": 4}
    answers["/Ticket/1/ITILSolution"] = ranged(refused, solution)
    asked = run("glpi_demandes")
    assert readers(asked) == {"Imprimante": {"annuaire:group:support"}}
    said = {("glpi:ana", "answerer"), ("glpi:ben", "accepted_answerer")}
    assert accounts(asked["Imprimante"]) == said
    assert not any(word in repr(asked) for word in ("Entre nous", "Refusée"))


def test_sharepoint(served: tuple[Served, str], run: Any, tmp_path: Path) -> None:
    """Who may view an item reads its file; limited access, links and unknown groups do not."""
    items = "/_api/web/lists/getbytitle('Documents')/items"
    names = {1: "Bornage.txt", 2: "Fraude.txt", 3: "Lien.txt"}
    listed = [
        {
            "Id": number, "FileLeafRef": name, "Created": "2026-01-15T09:00:00Z",
            "Modified": "2026-02-15T09:00:00Z",
            "Author": {"Name": "i:0#.w|EXEMPLE\\ana"}, "Editor": {"Name": "i:0#.w|EXEMPLE\\ben"},
        }
        for number, name in names.items()
    ]  # fmt: skip
    answers = served[0].answers
    nextly = f"{served[1]}{items}?$skiptoken=2"
    answers[items] = lambda query: (
        {"value": listed[2:]}
        if "$skiptoken" in query
        else {"value": listed[:2], "odata.nextLink": nextly}
    )
    sees, limited = (
        {"BasePermissions": {"Low": "1011030767"}},
        {"BasePermissions": {"Low": "134287360"}},
    )

    def given(kind: int, login: str, title: str, *roles: Any) -> dict[str, Any]:
        member = {"PrincipalType": kind, "LoginName": login, "Title": title}
        return {"Member": member, "RoleDefinitionBindings": list(roles)}

    assigned = {
        1: [
            given(8, "Membres du cadastre", "Membres du cadastre", sees),
            given(1, "i:0#.w|EXEMPLE\\dan", "Dan", sees),
            given(1, "i:0#.w|EXEMPLE\\eve", "Ève", limited),
        ],
        2: [given(4, "c:0+.w|s-1-5-21-1-2-3-1104", "EXEMPLE\\fraude", sees)],
        3: [given(8, "SharingLinks.1.OrganizationView.2", "SharingLinks.1", sees)],
    }
    for number, given_to in assigned.items():
        answers[f"{items}({number})/roleassignments"] = {"value": given_to}
        answers[f"{items}({number})/File/$value"] = f"Le texte {number}.".encode()
    found = run("sharepoint")
    expected = {
        "Bornage": {"annuaire:group:cadastre", "sharepoint:account:dan"},
        "Fraude": {"ldap:sid:S-1-5-21-1-2-3-1104"},
        "Lien": set(),
    }
    assert {k: v for k, v in readers(found).items() if k in expected} == expected
    assert {one.access for one in found.values() if one.part_of == found["Fraude"].id} == {
        found["Fraude"].access
    }
    assert accounts(found["Bornage"]) == {
        ("sharepoint:ana", "author"),
        ("sharepoint:ben", "editor"),
    }
    # Without versions, a file that was replaced has another date alone.
    listed[0]["Modified"] = "2026-03-15T09:00:00Z"
    answers[f"{items}(1)/File/$value"] = b"Un autre texte."
    del listed[2]
    run("sharepoint")
    kept = {one.read_bytes() for one in (tmp_path / "export").iterdir()}
    assert kept == {b"Un autre texte.", b"Le texte 2."}


def test_a_refusal_leaves_the_former_export(
    served: tuple[Served, str], run: Any, tmp_path: Path
) -> None:
    """Nothing is deleted because a server was down for a while."""
    served[0].answers["/rest/api/content"] = {"results": []}
    run("confluence")
    former = (tmp_path / "export.jsonl").read_bytes()
    served[0].answers.clear()
    with pytest.raises(SystemExit):
        run("confluence")
    assert (tmp_path / "export.jsonl").read_bytes() == former
