"""The embed widget in other sites' pages: its scripts, its texts, and which origins may ask.

As the Fetch standard says (CORS): a browser lets a page of another origin read an answer
only if the answer names that origin. An origin that the settings do not name is named by
no answer, and no answer names them all.
"""

import json
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from fastapi import FastAPI, Request, Response

from search_api.static_files import ASK, static_files

_MODULE = """// Written by the server from its catalogue of texts.
const NUMBER = new Intl.NumberFormat("fr-FR");

export const words = %s;

/** The form for a number, which it fills. */
export function counted([one, many], number) {
  return (number < 2 ? one : many).replace("{num}", () => NUMBER.format(number));
}
"""


def texts_module() -> str:
    """JavaScript; every text is a JSON string in it, and becomes a text node in the box."""
    words = {
        "label": "Votre question, ou quelques mots",
        "search": "Chercher",
        "titles": "Titres proposés",
        "titles_found": (
            "{num}\u00a0titre proposé\u00a0: flèche vers le bas pour choisir.",
            "{num}\u00a0titres proposés\u00a0: flèche vers le bas pour choisir.",
        ),
        "results": "Résultats de Qui sait\u202f?",
        "waiting": "Recherche en cours…",
        "open": "Ouvrir Qui sait\u202f?",
        "failed": "La demande n’a pas pu aboutir.",
        "sign_on": "Connectez-vous à Qui sait\u202f?",
        "sign_on_first": "{link}, puis revenez à cette page.",
        "unreachable": (
            "Qui sait\u202f? ne répond pas, ou votre navigateur ne permet pas à cette page de "
            "l’interroger."
        ),
        "documents": ("{num}\u00a0document.", "{num}\u00a0documents."),
        "of_a_person": "Documents d’une personne\u00a0: ils ne se comptent pas.",
        "worded": (
            "{num}\u00a0avec des mots de votre question, les autres proches par le sens.",
            "{num}\u00a0avec des mots de votre question, les autres proches par le sens.",
        ),
        "none": "Parmi les documents que vous pouvez lire, aucun ne répond.",
        "partial": (
            "Réponse partielle\u00a0: des documents que vous pouvez lire manquent peut-être."
        ),
        "shortened": "Seul le début de votre question a été lu.",
        "all": "Tout voir dans Qui sait\u202f?, avec les collègues qui savent",
        "untitled": "Sans titre",
        "not_in_force": "N’est pas en vigueur aujourd’hui.",
    }
    return _MODULE % json.dumps(words, ensure_ascii=True)


SCRIPTS = "/embed/"
"""Where the box's modules are: the same for everybody, and fetched without a session."""
ANSWERS = frozenset({"/api/v1/search", "/api/v1/suggest"})
"""What the box asks, under its reader's session."""


def add_embed_widget(app: FastAPI, scripts: Path, origins: Collection[str]) -> None:
    """Serve the box's modules, and let pages of these origins use it.

    `origins` are as browsers write them: `https://intranet.exemple.fr`.
    """

    @app.get(f"{SCRIPTS}words.js", include_in_schema=False)
    def words() -> Response:
        headers = {"Cache-Control": ASK}
        return Response(texts_module(), headers=headers, media_type="text/javascript")

    app.mount(SCRIPTS.rstrip("/"), static_files(scripts), name="embed")

    @app.middleware("http")
    async def cross_origin(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        path = request.url.path
        if path not in ANSWERS and not path.startswith(SCRIPTS):
            return await call_next(request)
        method, wanted = request.method, request.headers.get("access-control-request-method")
        if preflight := method == "OPTIONS" and wanted is not None:
            response = Response(status_code=204, headers={"Cache-Control": "private, no-store"})
        else:
            response = await call_next(request)
        # Even where no origin is named: a cache must not give one origin's answer to another.
        response.headers.add_vary_header("Origin")
        origin = request.headers.get("origin", "")
        if origin in origins and (wanted if preflight else method) == "GET":
            response.headers["Access-Control-Allow-Origin"] = origin
            if path in ANSWERS:
                response.headers["Access-Control-Allow-Credentials"] = "true"
        return response
