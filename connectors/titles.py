"""Titles of documents: make a title from a file name, and reject titles without meaning."""

import re
import unicodedata

LONGEST_TITLE = 300
"""Maximum length of a title, in characters; a longer text is a paragraph that somebody formatted as
a title.
"""

_SPACES = re.compile(r"\s+")
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control characters, direction marks, invisible characters and undecodable bytes."""
_WORD = re.compile(r"[^\W\d_]+")
_EMPTY_WORDS = frozenset(
    _WORD.findall(
        "accueil annexe annexes book classeur contents copie de default des diapositive doc "
        "document documents dsc du feuil feuille fichier file final home image img index "
        "introduction la le les lisez lisezmoi main menu moi new no none note nouveau null page "
        "pdf piece pièce preambule préambule presentation présentation readme sans scan scanned "
        "sheet slide sommaire titre title untitled version vf"
    )
)
_EMPTY_TITLE = re.compile(
    r"microsoft (word|excel|powerpoint|office)\b.*|\(anonymous\)|untitled .*"
    r"|(présentation|presentation) powerpoint|powerpoint presentation|mise en page \d*"
    r"|table (des matières|of contents)|search form|[~$_].*|tmp\S*|[0-9a-f]{8,}(-[0-9a-f]{4,})*",
    re.IGNORECASE,
)
_FILE_NAME = re.compile(r"\S*[^\W_][_.\\/][^\W_]\S*|\S*-\S*-\S*")
"""Matches a title that is really a file name: it has no space, but separators of file names."""


def says_nothing(title: str) -> bool:
    """Return whether no word of the title distinguishes the document («README», «2023»)."""
    words = [word.lower() for word in _WORD.findall(title)]
    telling = (word for word in words if len(word) > 1 and word not in _EMPTY_WORDS)
    return not any(telling) or _EMPTY_TITLE.fullmatch(title) is not None


def own_title(written: str) -> str:
    """Return the title inside a document on one line, or an empty text if it is not a useful title.

    `written` comes from a file's properties, a page's `<title>`, front matter or a first heading.
    File names and paragraphs count as empty.
    """
    # A title is never longer than this, even with many spaces.
    title = _SPACES.sub(" ", _UNSEEN.sub("", unicodedata.normalize("NFC", written[:4000]))).strip()
    if len(title) > LONGEST_TITLE or says_nothing(title) or _FILE_NAME.fullmatch(title):
        return ""
    return title


def title_of_path(path: str) -> str:
    """Return a file's name as a title, after the folder's name if its own has no meaning."""
    folder, _, name = path.rpartition("/")
    title = readable_title(name)
    if folder and says_nothing(title):
        return f"{readable_title(folder.rpartition('/')[2], is_folder=True)} – {title}"
    return title


def readable_title(name: str, *, is_folder: bool = False) -> str:
    """Return a name as a title: no extension, words separated, a capital first letter."""
    stem = name if is_folder else re.sub(r"(?<=.)\.[A-Za-z0-9]{1,8}$", "", name)
    title = _SPACES.sub(" ", _UNSEEN.sub("", stem).replace("_", " ")).strip()
    if " " not in title and len(re.findall(r"(?<![^\W\d_])[^\W\d_]{3,}+-", title)) >= 2:
        title = re.sub(r"(?<=[^\W_])-(?=[^\W_])", " ", title)
    return title[:1].upper() + title[1:] if title else name
