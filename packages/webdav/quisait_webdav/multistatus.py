"""Parse a server's answer to PROPFIND (RFC 4918): a folder and its entries."""

import posixpath
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from urllib.parse import unquote, urljoin, urlsplit

from lxml import etree

from connectors.values import date_of_header

DAV, OC, NC = "DAV:", "http://owncloud.org/ns", "http://nextcloud.org/ns"
LIVE = tuple(
    (DAV, name) for name in ("resourcetype", "getetag", "getlastmodified", "getcontentlength")
)
NEXTCLOUD = (
    *((OC, name) for name in ("fileid", "permissions", "owner-id", "owner-display-name")),
    *((NC, name) for name in ("mount-type", "is-mount-root")),
)
"""Properties, each by namespace and name."""
_LONGEST = 2_000
_STATUS = re.compile("[1-5][0-9]{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class FolderUnreadable(Exception):
    """A folder was not listed; `refused`: the account may not. The text is a French reason."""

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused


@dataclass(frozen=True, slots=True)
class DavEntry:
    """A file or folder. `path` is in NFC below the source's root, `url` is its address.

    `etag` is without the mark `W/` of a weak tag; `properties` are Nextcloud's. `status` is the
    HTTP status of this entry alone, 200 if the server gives none.
    """

    path: str
    url: str
    is_folder: bool
    etag: str = ""
    size: int | None = None
    modified: datetime | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    status: int = HTTPStatus.OK

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


def propfind_body(properties: tuple[tuple[str, str], ...]) -> bytes:
    """Return the request body for these properties."""
    root = etree.Element(f"{{{DAV}}}propfind", nsmap={"d": DAV})
    wanted = etree.SubElement(root, f"{{{DAV}}}prop")
    for namespace, name in properties:
        etree.SubElement(wanted, f"{{{namespace}}}{name}")
    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8"))


def plain_etag(written: str) -> str:
    """Return an entity tag without quotes, without `W/` and without the suffix of a compression."""
    return written.strip().removeprefix("W/").strip('"').removesuffix("-gzip")


def read_multistatus(
    content: bytes, folder: DavEntry
) -> tuple[DavEntry, list[DavEntry], list[str]]:
    """Return the folder itself, its entries by name, and names that were not understood.

    Raises `FolderUnreadable`: a cut answer must not look like a folder with fewer entries.
    """
    try:
        # Without entities or network access, since the content is not trusted.
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise FolderUnreadable("la liste reçue est coupée ou ne se lit pas") from error
    if root.tag != f"{{{DAV}}}multistatus":
        raise FolderUnreadable("la réponse n'est pas une liste de fichiers")
    itself: DavEntry | None = None
    inside: dict[str, DavEntry] = {}
    odd: list[str] = []
    for response in root.iterfind(f"{{{DAV}}}response"):
        href = (response.findtext(f"{{{DAV}}}href") or "").strip()
        try:
            url = urljoin(folder.url, href)
        except ValueError:  # an invalid host
            odd.append(_shown(href))
            continue
        name = _name_below(folder.url, url)
        if name == "":
            itself = _entry(response, folder.path, url, is_root=True)
        elif name is None:
            odd.append(_shown(url))
        else:
            path = unicodedata.normalize("NFC", f"{folder.path}/{name}" if folder.path else name)
            if path in inside:
                odd.append(path)
            else:
                inside[path] = _entry(response, path, url)
    if itself is None or not itself.is_folder:
        raise FolderUnreadable("la liste reçue n'est pas celle du dossier demandé")
    return itself, [inside[path] for path in sorted(inside)], odd


def _name_below(folder_url: str, url: str) -> str | None:
    """Return a name in the folder; empty for the folder itself, None for anything else."""
    own, other = urlsplit(folder_url), urlsplit(url)
    if (own.scheme, own.netloc.lower()) != (other.scheme, other.netloc.lower()):
        return None
    try:
        base = unquote(own.path, errors="strict").rstrip("/")
        path = unquote(other.path, errors="strict").rstrip("/")
    except UnicodeDecodeError:
        return None
    if path == base:
        return ""
    name = path.removeprefix(f"{base}/") if path.startswith(f"{base}/") else ""
    # No-break spaces and soft hyphens are allowed: people use them in names.
    plain = name not in ("", ".", "..") and "/" not in name and not _CONTROL.search(name)
    whole = posixpath.normpath(path) == path and len(path) <= _LONGEST
    return name if plain and whole else None


def _entry(response: etree._Element, path: str, url: str, *, is_root: bool = False) -> DavEntry:
    values: dict[str, str] = {}
    is_folder = False
    for name, element in _found(response):
        values[name] = (element.text or "").strip()[:_LONGEST]
        if name == "resourcetype":
            is_folder = element.find(f"{{{DAV}}}collection") is not None
    status = _status(response.findtext(f"{{{DAV}}}status"))
    length = values.get("getcontentlength", "")
    plain_url = url.partition("#")[0]
    return DavEntry(
        path,
        f"{plain_url.rstrip('/')}/" if is_folder or is_root else plain_url,
        is_folder or (status != HTTPStatus.OK and url.endswith("/")),
        plain_etag(values.get("getetag", "")),
        int(length) if length.isascii() and length.isdigit() else None,
        date_of_header(values.get("getlastmodified", "")),
        {name: values[name] for _, name in NEXTCLOUD if name in values},
        status,
    )


def _found(response: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    """Yield each property that the server gives, by its name without the namespace."""
    known = {f"{{{namespace}}}{name}": name for namespace, name in LIVE + NEXTCLOUD}
    for part in response.iterfind(f"{{{DAV}}}propstat"):
        if _status(part.findtext(f"{{{DAV}}}status")) == HTTPStatus.OK:
            for element in part.iterfind(f"{{{DAV}}}prop/*"):
                if element.tag in known:
                    yield known[element.tag], element


def _status(line: str | None) -> int:
    """Return the status of `HTTP/1.1 404 Not Found`, or 200 if there is no line."""
    parts = (line or "").split()
    if len(parts) < 2:
        return HTTPStatus.OK
    return int(parts[1]) if _STATUS.fullmatch(parts[1]) else HTTPStatus.BAD_GATEWAY


def _shown(url: str) -> str:
    """Return the end of a URL, without its query."""
    return "".join(c if c.isprintable() else "?" for c in url.partition("?")[0][-200:]) or "?"
