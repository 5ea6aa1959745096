"""Exporte les fichiers d'une bibliothèque SharePoint, avec les autorisations de chacun."""

from pathlib import PurePath

from commun import Application, arguments, write

GROUPS = {"Membres du cadastre": "annuaire:group:cadastre"}
"""Le principal de chaque groupe SharePoint ; un groupe qui n'est pas nommé n'ouvre rien."""
ITEMS = "_api/web/lists/getbytitle('Documents')/items"
WHAT = "Id,FileLeafRef,Created,Modified,Author/Name,Editor/Name"


def every(site, path):
    while path:
        found = site.get(path)
        yield from found["value"]
        path = found.get("odata.nextLink")


def account(login):
    r"""Rend le compte que désigne « i:0#.w|domaine\compte » ou « i:0#.f|membership|adresse »."""
    return login.rpartition("|")[2].rpartition("\\")[2]


def readers_of(site, item):
    """Rend ceux qui ont le droit « Afficher les éléments », le premier bit de chaque niveau."""
    for one in every(site, f"{item}/roleassignments?$expand=Member,RoleDefinitionBindings"):
        member, login = one["Member"], one["Member"]["LoginName"]
        if any(int(role["BasePermissions"]["Low"]) & 1 for role in one["RoleDefinitionBindings"]):
            if member["PrincipalType"] == 1:
                yield f"sharepoint:account:{account(login)}"
            elif "|s-1-5-21-" in login.lower():
                yield f"ldap:sid:{account(login).upper()}"
            elif member["Title"] in GROUPS:
                yield GROUPS[member["Title"]]


def lines(site, folder, used):
    for one in every(site, f"{ITEMS}?$select={WHAT}&$expand=Author,Editor&$filter=FSObjType eq 0"):
        item, name = f"{ITEMS}({one['Id']})", PurePath(one["FileLeafRef"])
        kept = folder / f"{one['Id']}-{one['Modified'].replace(':', '')}{name.suffix}"
        used.add(kept)
        if not kept.exists():
            kept.write_bytes(site.ask(f"{item}/File/$value"))
        yield {"type": "page", "id": str(one["Id"]), "title": name.stem,
               "attachments": [{"name": str(name), "path": f"{folder.name}/{kept.name}"}],
               "author": account(one["Author"]["Name"]), "created": one["Created"],
               "contributors": [{"account": account(one["Editor"]["Name"]), "role": "editor"}],
               "readers": {"allowed": [*readers_of(site, item)]}, "modified": one["Modified"]}  # fmt: skip


if __name__ == "__main__":
    url, token, export = arguments()
    (folder := export.with_suffix("")).mkdir(mode=0o700, exist_ok=True)
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json;odata=nometadata"}
    write(export, lines(Application(url, **headers), folder, used := set()))
    for former in set(folder.iterdir()) - used:
        former.unlink()
