"""Exporte les pages d'un XWiki, espace par espace ; une page qui a ses propres droits reste fermée."""

import re
from functools import cache

from commun import Application, arguments, moment, write

SPACES = {"Cadastre": ["everyone"], "Cadastre.Fraude": ["annuaire:group:fraude"]}
"""Espaces à lire, et leurs lecteurs ; une page a ceux de l'espace nommé le plus proche."""


def path_of(space, name):
    return f"rest/wikis/xwiki/spaces/{'/spaces/'.join(space.split('.'))}/pages/{name}"


@cache
def has_rights(wiki, space, name):
    """Rend si une page, ou les préférences d'un espace, disent elles-mêmes qui lit."""
    found = wiki.get(f"{path_of(space, name)}/objects", media="json", missing=True)
    return any("Rights" in one["className"] for one in (found or {}).get("objectSummaries", ()))


def readers_of(wiki, space, name):
    """Rend les lecteurs d'une page, None si aucun espace nommé ne la contient."""
    above, closed = space, False
    while above and above not in SPACES:
        closed = has_rights(wiki, above, "WebPreferences") or closed
        above = above.rpartition(".")[0]
    return ([] if closed or has_rights(wiki, space, name) else SPACES[above]) if above else None


def lines(wiki):
    start = 0
    while found := wiki.get("rest/wikis/xwiki/pages", media="json", start=start)["pageSummaries"]:
        start += len(found)
        for space, name in ((one["space"], one["name"]) for one in found):
            # Un nom qui contient l'un de ces signes n'est pas lu : son chemin serait ambigu.
            readers = None if set("\\/?#%") & set(space + name) else readers_of(wiki, space, name)
            page = readers is not None and wiki.get(path_of(space, name), media="json")
            if page and name != "WebPreferences":
                yield line_of(page) | {"readers": {"allowed": readers}, "space": space}


def line_of(page):
    titled = re.sub(
        r"(?m)^(=+) *(.+?) *=*$", lambda m: "#" * len(m[1]) + " " + m[2], page["content"]
    )
    creator, author = (page[role].rpartition(".")[2] for role in ("creator", "author"))
    return {"type": "page", "id": page["fullName"], "title": page["title"] or page["name"],
            "author": creator, "text": re.sub(r"\{\{.*?\}\}", "", titled), "format": "markdown",
            "contributors": [{"account": author, "role": "editor"}], "url": page["xwikiAbsoluteUrl"],
            "created": moment(page["created"]), "modified": moment(page["modified"])}  # fmt: skip


if __name__ == "__main__":
    url, token, export = arguments()
    write(export, lines(Application(url, Authorization=f"Bearer {token}")))
