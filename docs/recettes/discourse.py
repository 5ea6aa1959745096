"""Exporte les sujets d'un Discourse, avec leurs réponses et les groupes qui les lisent."""

from itertools import count

from commun import Application, arguments, text, write

GROUPS = {"everyone": "everyone", "geometres": "annuaire:group:geometres"}
"""Le principal de chaque groupe du forum ; un groupe qui n'est pas nommé n'ouvre rien."""


def posts(forum, topic, category):
    """Rend les messages d'un sujet : ni effacés, ni masqués, ni réservés à l'équipe (type 4)."""
    shown = forum.get(f"t/{topic}.json")
    ids = shown["post_stream"]["stream"] if shown["category_id"] == category else []
    for at in range(0, len(ids), 20):
        asked = {"post_ids[]": ids[at : at + 20]}
        for one in forum.get(f"t/{topic}/posts.json", **asked)["post_stream"]["posts"]:
            gone = one.get("deleted_at") or one.get("user_deleted") or one.get("hidden")
            if one["post_type"] == 1 and not gone:
                said = {"author": one["username"], "text": text(one["cooked"])}
                accepted = bool(one.get("accepted_answer"))
                yield one["post_number"], said | {"created": one["created_at"]}, accepted


def lines(forum):
    for category in forum.get("site.json")["categories"]:
        path = f"c/{category['slug']}/{category['id']}/l/latest.json"
        shown = forum.get(f"c/{category['id']}/show.json")["category"]["group_permissions"]
        readers = {"allowed": [GROUPS[g["group_name"]] for g in shown if g["group_name"] in GROUPS]}
        for page in count():
            found = forum.get(path, page=page, order="created", ascending="true")["topic_list"]
            for one in found["topics"]:
                said = [*posts(forum, one["id"], category["id"])] if one["visible"] else []
                if said and said[0][0] == 1:
                    answers = [reply | {"accepted": accepted} for _, reply, accepted in said[1:]]
                    yield {"type": "thread", "id": str(one["id"]), "title": one["title"],
                           **said[0][1], "answers": answers, "readers": readers,
                           "space": category["name"], "url": f"{forum.host.root}t/{one['id']}"}  # fmt: skip
            if not found["topics"]:
                break


if __name__ == "__main__":
    url, key, export = arguments()
    write(export, lines(Application(url, Api_Key=key, Api_Username="system")))
