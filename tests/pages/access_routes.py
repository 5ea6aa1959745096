"""Every route of the application, and how the access matrix asks it.

A route that is not named here fails the matrix: whoever adds one says how it is asked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

QUESTIONS = ("", "cadastre", "zz")
"""Everything, a word of every document, and how every secret title begins."""


@dataclass(frozen=True)
class Ask:
    """One request: `path` in full, with `form` or `json` where it is a POST."""

    path: str
    method: str = "GET"
    form: dict[str, str] = field(default_factory=dict)
    json: Any = None


def asked(path: str, *queries: str) -> tuple[Ask, ...]:
    return tuple(Ask(f"{path}?{query}" if query else path) for query in queries or ("",))


def questions(path: str, more: str = "") -> tuple[Ask, ...]:
    return asked(path, *(f"q={question}{more}" for question in QUESTIONS))


def posted(path: str, method: str = "POST", **form: str) -> tuple[Ask, ...]:
    return (Ask(path, method, form=form),)


def of_each(agents: Sequence[str], pattern: str) -> tuple[Ask, ...]:
    return tuple(Ask(pattern.format(agent)) for agent in agents)


def rpc(method: str, **params: Any) -> Ask:
    """A message of the Model Context Protocol."""
    return Ask("/mcp", "POST", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


def used(tool: str, **arguments: Any) -> Ask:
    return rpc("tools/call", name=tool, arguments=arguments)


FILE_NAMES = ("fichier", "coffre", "reserve", "cagibi")
DOCUMENT_NAMES = (
    *("ouvert", "fraude", "ferme", "perso"),
    *("personne", "interne", "fauteuil", "supprime"),
)
"""Of documents of every kind of right, in the matrix, and one that was deleted."""


DOCUMENT_IDS = (
    *(f"dossier:{name}.txt" for name in FILE_NAMES),
    *(f"wiki:{name}" for name in DOCUMENT_NAMES),
    "ancien:epsilon",
    "wiki:jamais",
)
"""Theirs; one of a source that the settings name no more, and one that never was."""
SPACES = tuple(f"coin-{name}" for name in ("fraude", "direction", "interne"))


def expectations(
    agents: Sequence[str],
    topic: str,
    ids: Sequence[str] = DOCUMENT_IDS,
    spaces: Sequence[str] = SPACES,
) -> dict[tuple[str, str], tuple[Ask, ...]]:
    """Return a valid request for each route, by method and path.

    Documents are asked for by each of these ids, searches narrowed to each of these spaces.
    """

    def documents(pattern: str) -> tuple[Ask, ...]:
        return tuple(Ask(pattern.format(one)) for one in ids)

    group = {"displayName": "g", "members": [{"value": "x"}]}
    push = {"type": "page", "id": "1", "title": "x", "text": "x", "readers": {"allowed": []}}
    narrowed = [f"space={space}" for space in spaces]
    return {
        ("GET", "/openapi.json"): asked("/openapi.json"),
        ("GET", "/api/v1/openapi.json"): asked("/api/v1/openapi.json"),
        ("GET", "/docs"): asked("/docs"),
        ("GET", "/api/v1/search"): (
            *questions("/api/v1/search", "&page_size=50&explain=true"),
            *asked("/api/v1/search", "q=cadastre&sort=date", "q=cadastr", *narrowed),
        ),
        ("GET", "/api/v1/experts"): questions("/api/v1/experts", "&limit=50"),
        ("GET", "/api/v1/suggest"): questions("/api/v1/suggest"),
        ("POST", "/api/v1/written-answer"): tuple(
            Ask("/api/v1/written-answer", "POST", json={"q": question})
            for question in QUESTIONS[1:]
        ),
        ("GET", "/api/v1/topics"): asked("/api/v1/topics"),
        ("GET", "/api/v1/isolation"): asked("/api/v1/isolation", "limit=100"),
        ("GET", "/api/v1/coverage"): asked("/api/v1/coverage", "", "area=35"),
        ("GET", "/api/v1/topics/{topic_id:path}"): asked(f"/api/v1/topics/{topic}"),
        ("GET", "/api/v1/agents/{agent_id:path}/peers"): of_each(agents, "/api/v1/agents/{}/peers"),
        ("GET", "/api/v1/agents/{agent_id:path}"): of_each(agents, "/api/v1/agents/{}"),
        ("GET", "/api/v1/documents/{document_id:path}"): documents("/api/v1/documents/{}?q=plan"),
        ("GET", "/documents/{document_id:path}/original"): documents("/documents/{}/original"),
        ("GET", "/documents/{document_id:path}"): documents("/documents/{}?q=cadastre"),
        ("GET", "/demo/originals/{document_id:path}"): documents("/demo/originals/{}"),
        ("GET", "/api/v1/animation/risks"): asked("/api/v1/animation/risks"),
        ("GET", "/api/v1/animation/proposals"): asked("/api/v1/animation/proposals"),
        ("POST", "/api/v1/animation/proposals/{proposal_id}"): (
            Ask("/api/v1/animation/proposals/1", "POST", json={"verdict": "refuse"}),
        ),
        ("DELETE", "/api/v1/animation/decisions/{decision_id}"): posted(
            "/api/v1/animation/decisions/1", "DELETE"
        ),
        ("GET", "/api/v1/animation/communities"): asked("/api/v1/animation/communities"),
        ("POST", "/api/v1/animation/communities/{topic_id:path}"): (
            Ask("/api/v1/animation/communities/1", "POST", json={"verdict": "accept"}),
        ),
        ("POST", "/api/v1/push/{source}"): (Ask("/api/v1/push/pousse", "POST", json=push),),
        ("POST", "/api/v1.0/documents/index/"): (
            Ask("/api/v1.0/documents/index/", "POST", json=push),
        ),
        ("POST", "/api/v1.0/documents/delete/"): (
            Ask("/api/v1.0/documents/delete/", "POST", json={"document_ids": ["1"]}),
        ),
        ("GET", "/scim/v2/ServiceProviderConfig"): asked("/scim/v2/ServiceProviderConfig"),
        ("GET", "/scim/v2/ResourceTypes"): asked("/scim/v2/ResourceTypes"),
        ("GET", "/scim/v2/ResourceTypes/{name}"): asked("/scim/v2/ResourceTypes/Group"),
        ("GET", "/scim/v2/Schemas"): asked("/scim/v2/Schemas"),
        ("GET", "/scim/v2/Schemas/{name}"): asked("/scim/v2/Schemas/x"),
        ("GET", "/scim/v2/Groups"): asked("/scim/v2/Groups"),
        ("GET", "/scim/v2/Groups/{group_id}"): asked("/scim/v2/Groups/x"),
        ("GET", "/scim/v2/{rest:path}"): asked("/scim/v2/Users"),
        ("POST", "/scim/v2/.search"): (Ask("/scim/v2/.search", "POST", json={}),),
        ("POST", "/scim/v2/Groups/.search"): (Ask("/scim/v2/Groups/.search", "POST", json={}),),
        ("POST", "/scim/v2/Groups"): (Ask("/scim/v2/Groups", "POST", json=group),),
        ("PUT", "/scim/v2/Groups/{group_id}"): (Ask("/scim/v2/Groups/x", "PUT", json=group),),
        ("PATCH", "/scim/v2/Groups/{group_id}"): (Ask("/scim/v2/Groups/x", "PATCH", json={}),),
        ("DELETE", "/scim/v2/Groups/{group_id}"): posted("/scim/v2/Groups/x", "DELETE"),
        ("POST", "/api/v1.0/documents/search/"): (
            Ask("/api/v1.0/documents/search/", "POST", json={"q": "*"}),
        ),
        ("GET", "/api/v1/audit"): asked("/api/v1/audit"),
        ("GET", "/api/v1/me"): asked("/api/v1/me"),
        ("GET", "/api/v1/me/export"): asked("/api/v1/me/export"),
        ("POST", "/api/v1/me/wishes"): (
            Ask("/api/v1/me/wishes", "POST", json={"kind": "contact", "way": "none"}),
        ),
        ("DELETE", "/api/v1/me/wishes"): posted("/api/v1/me/wishes?kind=contact", "DELETE"),
        ("GET", "/api/v1/questions"): asked("/api/v1/questions"),
        ("GET", "/api/v1/questions/existing"): questions("/api/v1/questions/existing"),
        ("GET", "/api/v1/questions/recipients"): questions("/api/v1/questions/recipients"),
        ("POST", "/api/v1/questions/existing"): (
            Ask("/api/v1/questions/existing", "POST", json={"document_id": "inconnu"}),
        ),
        ("DELETE", "/api/v1/questions"): posted("/api/v1/questions", "DELETE"),
        ("POST", "/api/v1/questions"): (
            Ask("/api/v1/questions", "POST", json={"title": "Quel cadastre ?"}),
        ),
        ("POST", "/api/v1/questions/preferences"): (
            Ask("/api/v1/questions/preferences", "POST", json={}),
        ),
        ("GET", "/api/v1/questions/{question_id}"): asked(f"/api/v1/questions/{NO_QUESTION}"),
        ("POST", "/api/v1/questions/{question_id}"): (
            Ask(f"/api/v1/questions/{NO_QUESTION}", "POST", json={"action": "accept"}),
        ),
        ("GET", "/api/v1/follows"): asked("/api/v1/follows"),
        ("POST", "/api/v1/follows"): (
            Ask("/api/v1/follows", "POST", json={"action": "follow", "subject": "/?q=cadastre"}),
        ),
        ("GET", "/api/v1/news"): asked("/api/v1/news"),
        ("GET", "/suivis"): asked("/suivis"),
        ("POST", "/suivis"): posted("/suivis", act="follow", subject="/?q=zz"),
        ("POST", "/api/v1/mail/preferences"): (
            Ask("/api/v1/mail/preferences", "POST", json={"digest": "daily"}),
        ),
        ("GET", "/courriels/{link}"): asked("/courriels/inconnu"),
        ("POST", "/courriels/{link}"): posted("/courriels/inconnu"),
        ("POST", "/api/v1/questions/{question_id}/reports"): (
            Ask(f"/api/v1/questions/{NO_QUESTION}/reports", "POST", json={"reason": "x"}),
        ),
        ("DELETE", "/api/v1/questions/{question_id}/reports"): posted(
            f"/api/v1/questions/{NO_QUESTION}/reports", "DELETE"
        ),
        ("POST", "/questions/{question_id}/reports/taken-back"): posted(
            f"/questions/{NO_QUESTION}/reports/taken-back"
        ),
        ("POST", "/questions/{question_id}/reports"): posted(
            f"/questions/{NO_QUESTION}/reports", reason="x"
        ),
        ("GET", "/api/v1/animation/questions"): asked("/api/v1/animation/questions"),
        ("GET", "/animation/questions"): asked("/animation/questions"),
        ("POST", "/api/v1/animation/questions/{question_id}"): (
            Ask(f"/api/v1/animation/questions/{NO_QUESTION}", "POST", json={"act": "dismiss"}),
        ),
        ("POST", "/animation/questions/{question_id}"): posted(
            f"/animation/questions/{NO_QUESTION}", act="dismiss"
        ),
        ("GET", "/api/v1/animation/documents"): asked("/api/v1/animation/documents"),
        ("GET", "/animation/documents"): asked("/animation/documents"),
        ("POST", "/api/v1/animation/documents"): tuple(
            Ask("/api/v1/animation/documents", "POST", json={"document": one, "act": "dismiss"})
            for one in ids
        ),
        ("POST", "/animation/documents"): posted(
            "/animation/documents", document="inconnu", act="dismiss"
        ),
        ("GET", "/api/v1/verifications"): asked("/api/v1/verifications"),
        ("GET", "/api/v1/verifications/documents/{document_id:path}"): documents(
            "/api/v1/verifications/documents/{}"
        ),
        ("GET", "/a-verifier"): asked("/a-verifier"),
        ("POST", "/api/v1/verifications"): tuple(
            Ask("/api/v1/verifications", "POST", json={"document": one, "act": act, "note": "x"})
            for one in ids
            for act in ("outdated", "right")
        ),
        ("POST", "/verifications"): posted("/verifications", document="inconnu", act="outdated"),
        ("POST", "/api/v1/verifications/pace"): (
            Ask("/api/v1/verifications/pace", "POST", json={"per_month": 1}),
        ),
        ("POST", "/api/v1/documents/{document_id:path}/expected-questions"): tuple(
            Ask(
                f"/api/v1/documents/{one}/expected-questions",
                "POST",
                json={"question": "Où est-ce ?", "act": act},
            )
            for one in ids
            for act in ("confirm", "pin")
        ),
        ("DELETE", "/api/v1/documents/{document_id:path}/expected-questions"): tuple(
            Ask(f"/api/v1/documents/{one}/expected-questions?question=Quoi", "DELETE")
            for one in ids
        ),
        ("POST", "/expected-questions"): posted(
            "/expected-questions", document="inconnu", act="remove", question="Quoi ?"
        ),
        ("GET", "/questions"): asked("/questions"),
        ("GET", "/questions/new"): questions("/questions/new"),
        ("POST", "/questions"): posted("/questions", title="Quel cadastre ?"),
        ("POST", "/questions/existing"): posted("/questions/existing", document="inconnu"),
        ("POST", "/questions/forget"): posted("/questions/forget"),
        ("GET", "/questions/{question_id}"): asked(f"/questions/{NO_QUESTION}"),
        ("POST", "/questions/{question_id}"): posted(f"/questions/{NO_QUESTION}", act="accept"),
        ("GET", "/health/live"): asked("/health/live"),
        ("GET", "/health/ready"): asked("/health/ready"),
        ("GET", "/"): (*questions("/"), *asked("/", "q=cadastre&page=2", *narrowed)),
        ("GET", "/experts"): questions("/experts"),
        ("POST", "/demo/agent"): posted("/demo/agent", agent=agents[0]),
        ("GET", "/demo/mails"): asked("/demo/mails"),
        ("GET", "/recherche.csv"): (
            *questions("/recherche.csv"),
            *asked("/recherche.csv", "q=cadastre&sort=date", *narrowed),
        ),
        ("GET", "/flux"): asked("/flux", "page=/?q=cadastre"),
        ("POST", "/flux"): posted("/flux", act="revoke"),
        ("GET", "/flux/{token}/recherche"): questions("/flux/inconnu/recherche"),
        ("GET", "/flux/{token}/sujet/{topic_id:path}"): asked(f"/flux/inconnu/sujet/{topic}"),
        ("GET", "/flux/{token}/questions"): asked("/flux/inconnu/questions"),
        ("GET", "/isolation"): asked("/isolation"),
        ("GET", "/isolation.csv"): asked("/isolation.csv"),
        ("GET", "/coverage.csv"): asked("/coverage.csv", "", "area=35", f"topic={topic}"),
        ("GET", "/coverage"): asked("/coverage", "", "area=35"),
        ("GET", "/topics/{topic_id:path}"): asked(f"/topics/{topic}"),
        ("GET", "/agents/{agent_id:path}"): of_each(agents, "/agents/{}"),
        ("GET", "/peers"): of_each(agents, "/peers?agent={}"),
        ("GET", "/animation"): asked("/animation"),
        ("POST", "/animation/proposals/{proposal_id}"): posted(
            "/animation/proposals/1", verdict="refuse"
        ),
        ("POST", "/animation/communities/{topic_id:path}"): posted(
            "/animation/communities/1", verdict="accept"
        ),
        ("POST", "/animation/decisions/{decision_id}/forget"): posted(
            "/animation/decisions/1/forget"
        ),
        ("GET", "/api/v1/animation/holders"): asked("/api/v1/animation/holders"),
        ("POST", "/api/v1/animation/holders/{topic_id:path}"): (
            Ask("/api/v1/animation/holders/1", "POST", json={"agent": "ag-1", "act": "restore"}),
        ),
        ("POST", "/animation/holders/{topic_id:path}"): posted(
            "/animation/holders/1", agent="ag-1", act="restore"
        ),
        ("POST", "/api/v1/animation/community-pages/{topic_id:path}"): (
            Ask("/api/v1/animation/community-pages/1", "POST", json={"act": "close"}),
        ),
        ("POST", "/animation/community-pages/{topic_id:path}"): posted(
            "/animation/community-pages/1", act="close"
        ),
        ("GET", "/api/v1/communities/{topic_id:path}"): asked(f"/api/v1/communities/{topic}"),
        ("GET", "/communities/{topic_id:path}"): asked(f"/communities/{topic}"),
        ("POST", "/communities/{topic_id:path}"): posted(f"/communities/{topic}", act="join"),
        ("GET", "/audit"): asked("/audit"),
        ("GET", "/mes-donnees"): asked("/mes-donnees"),
        ("GET", "/preferences"): asked("/preferences"),
        ("POST", "/preferences"): posted("/preferences", receives="true", digest="daily"),
        ("GET", "/mes-donnees/retrait"): asked("/mes-donnees/retrait"),
        ("POST", "/mes-donnees"): posted("/mes-donnees", act="take_back", kind="contact"),
        ("POST", "/favoris"): posted("/favoris", act="favourite", subject="inconnu"),
        ("GET", "/opensearch.xml"): asked("/opensearch.xml"),
        ("GET", "/accessibilite"): asked("/accessibilite"),
        ("GET", "/administration"): asked("/administration"),
        ("POST", "/administration/sources/{source}"): posted("/administration/sources/inconnue"),
        ("POST", "/administration/sources/{source}/again"): posted(
            "/administration/sources/inconnue/again", folder="x"
        ),
        ("GET", "/administration/files/{name}"): asked("/administration/files/glossary"),
        ("POST", "/administration/files/{name}"): posted("/administration/files/glossary"),
        ("GET", "/administration/new-source"): asked("/administration/new-source"),
        ("POST", "/administration/new-source"): (
            Ask("/administration/new-source", "POST", NEW_SOURCE),
        ),
        **{
            ("POST", f"/administration/new-source/{{source}}/{act}"): (
                Ask(f"/administration/new-source/essai/{act}", "POST", NEW_SOURCE),
            )
            for act in ("trial", "titles", "settings")
        },
        ("GET", "/sign-on"): asked("/sign-on"),
        ("GET", "/sign-on/callback"): asked("/sign-on/callback", "code=x&state=y"),
        ("GET", "/signed-out"): asked("/signed-out"),
        ("POST", "/sign-on/back-channel-logout"): posted(
            "/sign-on/back-channel-logout", logout_token="x"
        ),
        ("POST", "/sign-out"): posted("/sign-out"),
        ("GET", "/access"): asked("/access"),
        ("POST", "/access/tokens"): posted("/access/tokens", label="x"),
        ("POST", "/access/tokens/revoke"): posted("/access/tokens/revoke", token="1"),
        ("POST", "/access/sessions/revoke"): posted("/access/sessions/revoke", session="1"),
        ("POST", "/access/sessions/revoke-others"): posted("/access/sessions/revoke-others"),
        ("MOUNT", "/static/swagger-ui"): asked("/static/swagger-ui/swagger-ui.css"),
        ("POST", "/mcp"): (
            *(used("search", query=question, k=20) for question in QUESTIONS[1:]),
            *(used("search", query="cadastre", spaces=[space]) for space in spaces),
            *(used("who_knows", query=question, k=20) for question in QUESTIONS[1:]),
            *(used("read_document", document=one) for one in ids),
            *(used("prepare_question", title=f"Qui sait : {q} ?") for q in QUESTIONS[1:]),
            *(rpc("resources/read", uri=f"quisait://documents/{one}") for one in ids[1:4]),
            rpc("tools/list"),
        ),
        ("GET", "/.well-known/oauth-protected-resource"): asked(
            "/.well-known/oauth-protected-resource"
        ),
        ("GET", "/.well-known/oauth-protected-resource/mcp"): asked(
            "/.well-known/oauth-protected-resource/mcp"
        ),
        ("GET", "/assistants"): asked("/assistants"),
        ("POST", "/assistants/tokens"): posted("/assistants/tokens", label="x"),
        ("POST", "/assistants/tokens/revoke"): posted("/assistants/tokens/revoke", token="1"),
        ("MOUNT", "/static"): asked("/static/quisait.css"),
        ("MOUNT", "/embed"): asked("/embed/asking.js"),
        ("GET", "/embed/words.js"): asked("/embed/words.js"),
    }


NEW_SOURCE = {
    "kind": "export",
    "name": "essai",
    "options.path": "autre.jsonl",
    "from": "place",
    "step": "options",
}
"""The matrix's own documents, tried anew by its administrator: their titles not confirmed."""
NO_QUESTION = "0" * 32
"""No question has this id; `tests/pages/test_asking.py` reads those that there are."""

WRITE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    """Every method and path that the application answers to; what is mounted, as that."""
    found: set[tuple[str, str]] = set()
    for route in each_route(app.routes):
        methods = getattr(route, "methods", None) or {"MOUNT"}
        found |= {(method, route.path) for method in methods - {"HEAD"}}
    return found


def each_route(routes: Sequence[Any]) -> Iterator[Any]:
    """Routes, those of included routers among them."""
    for route in routes:
        inside = getattr(route, "original_router", None)
        if inside is not None:
            yield from each_route(inside.routes)
        else:
            yield route


UNREACHABLE = {("GET", "/sign-on"), ("GET", "/sign-on/callback"), ("GET", "/health/ready")}
"""Routes that may answer 503: the matrix has no provider to sign on with."""
DEMO = {("GET", "/demo/originals/{document_id:path}"), ("GET", "/demo/mails")}
COMMUNITY = {
    ("GET", "/communities/{topic_id:path}"),
    ("GET", "/api/v1/communities/{topic_id:path}"),
}
ONE_QUESTION = {
    ("GET", "/questions/{question_id}"),
    ("GET", "/api/v1/questions/{question_id}"),
}
GROUPS_OF_APPLICATIONS = {
    *(("GET", f"/scim/v2/{one}") for one in ("ServiceProviderConfig", "ResourceTypes", "Schemas")),
    *(("GET", f"/scim/v2/{one}/{{name}}") for one in ("ResourceTypes", "Schemas")),
    ("GET", "/scim/v2/Groups"),
    ("GET", "/scim/v2/{rest:path}"),
    *((method, "/scim/v2/Groups/{group_id}") for method in ("GET", "PUT", "PATCH")),
}
OTHER_HANDS = {
    ("GET", "/sign-on/callback"),
    ("GET", "/access"),
    ("GET", "/assistants"),
    ("GET", "/flux"),
    *(
        ("GET", f"/flux/{{token}}/{one}")
        for one in ("recherche", "sujet/{topic_id:path}", "questions")
    ),
    ("GET", "/courriels/{link}"),
    ("GET", "/mes-donnees/retrait"),
    *DEMO,
    *COMMUNITY,
    *ONE_QUESTION,
    *UNREACHABLE,
    *GROUPS_OF_APPLICATIONS,
}
"""Routes that a token opens to nobody: a person's own session is asked for, the demo, or a
community, which the matrix has too few agents for (`tests/pages/test_animation.py` opens one); or
a question, which is none of the matrix's documents; or the link of a mail, which the matrix sends
none of (`packages/mail/test_quisait_mail.py` follows one); or a former address, which leads to
another page (`tests/pages/test_me.py`); or an application's token
(`packages/lasuite/test_suite_groups.py`); or the secret address of an agent's feeds
(`packages/feeds/test_no_leak_feeds.py`)."""
