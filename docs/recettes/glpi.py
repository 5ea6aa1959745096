"""Exporte la base de connaissances d'un GLPI, avec les lecteurs de chaque article."""

from datetime import datetime
from functools import cache
from html import unescape

from commun import Application, arguments, text, write

GROUPS, ENTITIES = {12: "annuaire:group:support"}, {0: "everyone"}
"""Le principal de chaque groupe et de chaque entité, par son numéro ; un autre n'ouvre rien."""


def opened(url, token):
    glpi = Application(url, Authorization=f"user_token {token}")
    glpi.headers["Session-Token"] = glpi.get("initSession")["session_token"]
    return glpi


def every(glpi, kind):
    start = 0
    while found := glpi.get(kind, range=f"{start}-{start + 99}"):
        yield from found
        start += len(found)


@cache
def login(glpi, number):
    return (glpi.get(f"User/{number}", missing=True) or {}).get("name") if number else None


def plain(html):
    return text(html if "<" in html else unescape(html))


def readers_of(glpi, article):
    """Rend les groupes, entités et comptes à qui un article s'adresse aujourd'hui."""
    now, path = str(datetime.now()), f"KnowbaseItem/{article['id']}"
    if (article["begin_date"] or now) > now or (article["end_date"] or now) < now:
        return []
    groups = [x for x in every(glpi, f"{path}/Group_KnowbaseItem") if x["no_entity_restriction"]]
    entities = every(glpi, f"{path}/Entity_KnowbaseItem")
    users = [login(glpi, x["users_id"]) for x in every(glpi, f"{path}/KnowbaseItem_User")]
    found = [GROUPS.get(x["groups_id"]) for x in groups]
    found += [ENTITIES.get(x["entities_id"]) for x in entities]
    return [x for x in found if x] + [f"glpi:account:{x}" for x in users if x]


def lines(glpi):
    for one in every(glpi, "KnowbaseItem"):
        yield {"type": "page", "id": f"article-{one['id']}", "title": one["name"],
               "text": plain(one["answer"]), "author": login(glpi, one["users_id"]),
               "readers": {"allowed": readers_of(glpi, one)}, "modified": one["date_mod"]}  # fmt: skip


if __name__ == "__main__":
    *service, export = arguments()
    write(export, lines(opened(*service)))
