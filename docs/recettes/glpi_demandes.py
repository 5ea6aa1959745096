"""Exporte les demandes résolues de quelques catégories d'un GLPI, avec leur solution acceptée."""

from commun import arguments, write
from glpi import every, login, opened, plain

CATEGORIES = {34: ["annuaire:group:support"]}
"""Catégories à lire, par numéro, et les lecteurs de leurs demandes."""
RESOLVED, ACCEPTED = (5, 6), 3


def answers_of(glpi, ticket):
    """Rend les suivis publics d'une demande, et sa solution acceptée."""
    for kind, solves in (("ITILFollowup", False), ("ITILSolution", True)):
        for one in every(glpi, f"Ticket/{ticket}/{kind}"):
            author = login(glpi, one["users_id"])
            if author and (one["status"] == ACCEPTED if solves else not one["is_private"]):
                yield {"author": author, "text": plain(one["content"]), "accepted": solves}


def lines(glpi):
    for one in every(glpi, "Ticket"):
        readers = CATEGORIES.get(one["itilcategories_id"])
        if readers and one["status"] in RESOLVED and not one["is_deleted"]:
            yield {"type": "thread", "id": f"demande-{one['id']}", "title": one["name"],
                   "text": plain(one["content"]), "answers": [*answers_of(glpi, one["id"])],
                   "readers": {"allowed": readers}, "created": one["date"]}  # fmt: skip


if __name__ == "__main__":
    *service, export = arguments()
    write(export, lines(opened(*service)))
