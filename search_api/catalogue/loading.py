"""An administration's own wording: a `.po` file, read once at the start and held to the sources."""

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import PoFileError, read_po

from search_api.catalogue.safe_text import safe_text
from search_api.catalogue.texts import Catalogue, key_of

IN_FOLDER = Path("fr/LC_MESSAGES/quisait.po")
"""Where gettext has it below a folder of catalogues."""
TEMPLATE = Path(__file__).parent / "quisait.pot"
"""Every text of quisait, with its places; `make catalogue` writes it."""

_PLACES = re.compile(r"%\((\w+)\)s")
_LINE = re.compile(
    r'\s*(?:#.*|(?:(?:msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?)\s*)?"(?:[^"\\]|\\.)*")?\s*'
)
"""Babel forgives a quote that is not closed, and loses a letter by it."""
_MARKUP = re.compile(r"<|&#?\w+;")


def load_catalogue(folder: Path) -> Catalogue:
    """The texts of a folder. Raises `ValueError`, a French sentence, where one cannot be used."""
    path = folder / IN_FOLDER
    try:
        written = path.read_text("utf-8-sig")
    except OSError as error:
        told = f"{path} ne se lit pas : réglez [pages] catalogue, ou videz-le."
        raise ValueError(told) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} n’est pas en UTF-8 : enregistrez-le ainsi.") from error
    for number, line in enumerate(written.splitlines(), 1):
        if not _LINE.fullmatch(line):
            raise _malformed(path, number)
    try:
        read = read_po(io.StringIO(written), locale="fr", abort_invalid=True)
    except PoFileError as error:
        raise _malformed(path, error.lineno) from error
    said = {}
    for message in _translated(read):
        if fault := _fault(message):
            raise ValueError(f"{path}, ligne {_line(message)} : {fault}.")
        said[message.context or "", key_of(_forms(message.id)[0])] = _forms(message.string)
    return Catalogue(said)


def _malformed(path: Path, line: int) -> ValueError:
    return ValueError(f"{path}, ligne {line} : ce n’est pas du gettext, corrigez cette ligne.")


def _translated(read: Catalog) -> Iterator[Message]:
    """Those that say something; as gettext has it, a fuzzy one says nothing yet."""
    for message in read:
        if message.id and not message.fuzzy and any(_forms(message.string)):
            yield message


def _forms(text: str | Sequence[str] | None) -> tuple[str, ...]:
    return (text or "",) if text is None or isinstance(text, str) else tuple(text)


def _line(message: Message) -> int | str:
    return message.lineno if message.lineno is not None else "?"


def _fault(message: Message) -> str:
    """Why a text cannot be said; empty where it can."""
    sources, said = _forms(message.id), _forms(message.string)
    if len(said) != len(sources) or not all(said):
        return "un texte qui compte a deux formes, msgstr[0] (moins de deux) et msgstr[1]"
    places = {name for source in sources for name in _PLACES.findall(source)}
    for text in said:
        if set(_PLACES.findall(text)) != places:
            wanted = ", ".join(f"%({name})s" for name in sorted(places)) or "aucun"
            return f"les emplacements doivent être ceux du texte d’origine ({wanted})"
        if places and "%" in _PLACES.sub("", text).replace("%%", ""):
            return "un « % » seul s’écrit « %% » dans un texte qui a des emplacements"
        if _MARKUP.search(text):
            return "un texte ne contient ni balise ni entité HTML"
        if safe_text(text) != text:
            return "le texte contient des caractères invisibles qui trompent le lecteur"
    return ""
