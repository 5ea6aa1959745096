"""Ce que les recettes ont en commun : demander du JSON à une application, écrire un export."""

import itertools
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from connectors.html import sections_of
from connectors.http_host import HttpHost


class Application:
    """Une application, son adresse, et les en-têtes de chaque demande."""

    def __init__(self, url, **headers):
        self.host = HttpHost(url.rstrip("/") + "/", called="L'application")
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def ask(self, path, *, missing=False, **query):
        """Rend les octets d'une adresse ; None si elle n'est pas là (404) et peut ne pas l'être.

        Tout autre refus arrête la recette, qui n'écrit alors rien.
        """
        url = path if path.startswith("http") else self.host.root + path
        answer = self.host.request("GET", url, query or None, headers=self.headers)
        if missing and answer.status_code == 404:
            return None
        if answer.status_code >= 300:
            sys.exit(f"{url} : réponse {answer.status_code} ; l'export d'avant reste en place.")
        return answer.content

    def get(self, path, *, missing=False, **query):
        """Rend le JSON d'une adresse, ou None comme `ask`."""
        content = self.ask(path, missing=missing, **query)
        return None if content is None else json.loads(content)


def arguments():
    """Rend l'adresse, le secret que tient un fichier, et le chemin de l'export."""
    if len(sys.argv) != 4:
        sys.exit(f"python {sys.argv[0]} ADRESSE FICHIER_DU_JETON EXPORT.jsonl")
    return sys.argv[1], Path(sys.argv[2]).read_text("utf-8").strip(), Path(sys.argv[3])


def sections(html):
    """Rend les parties d'un texte HTML, sous leurs titres."""
    return [{"heading": one.heading, "text": one.text} for one in sections_of(html)]


def text(html):
    """Rend un texte HTML, sans ses marques."""
    return "\n\n".join(f"{one.heading}\n{one.text}".strip() for one in sections_of(html))


def moment(milliseconds):
    """Rend la date d'un nombre de millisecondes depuis 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()


def write(export, lines):
    """Écrit l'export à côté, puis le met d'un coup à la place de celui d'avant."""
    os.umask(0o077)
    header = {"type": "header", "version": 1, "complete": True}
    with Path(f"{export}.nouveau").open("w", encoding="utf-8") as opened:
        for line in itertools.chain([header], lines):
            opened.write(json.dumps(line, ensure_ascii=False) + "\n")
    Path(f"{export}.nouveau").replace(export)
