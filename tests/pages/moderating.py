"""Requests of agents who report texts, and of their moderators."""

from typing import Any

from tests.pages.asking_site import ANIMATOR, AskingSite

SLANDER = "Ornithorynque"
"""Stands in what is hidden: only its author may meet the word again."""


def report(site: AskingSite, agent_id: str, question: str, **fields: str) -> int:
    body = {"reason": "Nomme une personne.", **fields}
    path = f"/api/v1/questions/{question}/reports"
    return int(site.client(agent_id).post(path, json=body).status_code)


def moderate(site: AskingSite, question: str, act: str, by: str = ANIMATOR, **fields: str) -> int:
    path = f"/api/v1/animation/questions/{question}"
    if act == "show" and "digest" not in fields:
        texts = desk(site, by)["hidden"]
        of_it = {(one["question"]["id"], one["answer"]): one["digest"] for one in texts}
        fields["digest"] = of_it[question, fields.get("answer", "")]
    return int(site.client(by).post(path, json={"act": act, **fields}).status_code)


def desk(site: AskingSite, agent_id: str = ANIMATOR) -> Any:
    return site.client(agent_id).get("/api/v1/animation/questions").json()
