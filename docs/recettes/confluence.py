"""Exporte les pages d'un Confluence (Data Center), pour ceux qui lisent aussi toutes leurs parentes."""

from commun import Application, arguments, sections, write

SPACES = {"CAD": ["everyone"], "RH": ["annuaire:group:rh"]}
"""Espaces à lire, et leurs lecteurs : recopiez ici les permissions de chaque espace."""
GROUPS = {"geometres": "annuaire:group:geometres", "rh": "annuaire:group:rh"}
"""Le principal de chaque groupe ; un groupe qui n'est pas nommé n'ouvre rien."""
WHAT = (
    "body.storage,version,ancestors,history.contributors.publishers,restrictions.read.restrictions"
)


def restricted_to(page):
    """Rend ceux à qui la lecture d'une page est réservée, None si elle ne l'est pas."""
    read = page["restrictions"]["read"]["restrictions"]
    users = [f"confluence:account:{one['username']}" for one in read["user"]["results"]]
    groups = [one["name"] for one in read["group"]["results"]]
    named = {*users, *(GROUPS[one] for one in groups if one in GROUPS)}
    return named if users or groups else None


def readers_of(page, pages, allowed):
    """Rend ceux que l'espace, la page et toutes ses parentes admettent à la fois."""
    for one in [*page["ancestors"], page]:
        # Une parente que le compte ne voit pas ferme ce qui est dessous.
        only = restricted_to(pages[one["id"]]) if one["id"] in pages else set()
        if only is not None:
            allowed = only if "everyone" in allowed else only & set(allowed)
    return sorted(allowed)


def lines(site):
    for space, allowed in SPACES.items():
        pages, asked = {}, {"spaceKey": space, "type": "page", "expand": WHAT, "limit": 50}
        while found := site.get("rest/api/content", start=len(pages), **asked)["results"]:
            pages |= {one["id"]: one for one in found}
        for one in pages.values():
            history, users = one["history"], one["history"]["contributors"]["publishers"]["users"]
            yield {"type": "page", "id": one["id"], "title": one["title"], "space": space,
                   "readers": {"allowed": readers_of(one, pages, allowed)},
                   "sections": sections(one["body"]["storage"]["value"]),
                   "author": history["createdBy"]["username"], "created": history["createdDate"],
                   "contributors": [{"account": u["username"], "role": "editor"} for u in users],
                   "url": site.host.root + one["_links"]["webui"].lstrip("/"),
                   "modified": one["version"]["when"]}  # fmt: skip


if __name__ == "__main__":
    url, token, export = arguments()
    write(export, lines(Application(url, Authorization=f"Bearer {token}")))
