"""Files attached to the entries of a WordPress, with the readers of their entry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import Field

from connectors.html import sections_of
from connectors.http_failures import FailuresInARow
from connectors.http_host import HttpHost, ResponseTooLarge
from connectors.ports import (
    RecordUnreachable,
    RecordVanished,
    SourceRefused,
    SourceUnreachable,
)
from connectors.titles import title_of_path
from connectors.values import Access, Content, Document, EvidencePolicy
from quisait_sites.json_api import Address, Answered, Moment
from quisait_sites.wordpress_api import Rendered, plain

FIELDS = (
    "id", "date_gmt", "modified_gmt", "author", "post", "title.rendered", "caption",
    "description", "mime_type", "source_url", "media_details",
)  # fmt: skip
"""Fields of a file. `caption` is requested as a whole, since WordPress does not give its rendering
alone.
"""
_WITHOUT_TEXT = ("image/", "audio/", "video/")
_PAGES = ("text/html", "application/xhtml+xml")


class JoinedFile(Answered):
    """A file of the media library. `post` is the entry that it is attached to, if any."""

    id: int = Field(gt=0)
    date_gmt: Moment = None
    modified_gmt: Moment = None
    author: int = 0
    post: int | None = None
    title: Rendered = Rendered()
    caption: Rendered = Rendered()
    description: Rendered = Rendered()
    mime_type: str = ""
    source_url: Address = ""
    media_details: Mapping[str, Any] | list[Any] = Field({})

    @property
    def has_text(self) -> bool:
        """Whether the file is of a kind that contains text."""
        return bool(self.source_url) and not self.mime_type.startswith(_WITHOUT_TEXT)


@dataclass(frozen=True, slots=True)
class FileSource:
    """Fetches files of a source and makes their documents."""

    source: str
    host: HttpHost
    evidence: str
    failures: FailuresInARow = field(default_factory=FailuresInARow)

    def document(self, file: JoinedFile, access: Access, space: str) -> Document:
        """Return a file's document: its description in the library, then its own text."""
        name = PurePosixPath(unquote(urlsplit(file.source_url).path)).name or "fichier"
        title = plain(file.title.rendered)
        said = (*sections_of(file.caption.rendered), *sections_of(file.description.rendered))
        details = file.media_details
        size = details.get("filesize") if isinstance(details, Mapping) else None
        read = partial(self._read, file.source_url)
        return Document(
            id=f"{self.source}:{file.id}",
            source=self.source,
            title=title,
            sections=tuple(one for one in said if one.text != title),
            content=Content(
                name,
                read,
                file.mime_type or None,
                size if type(size) is int else None,
                title_of_path(name),
            ),
            access=access,
            url=file.source_url,
            created=file.date_gmt,
            modified=file.modified_gmt,
            space=space,
            part_of=f"{self.source}:{file.post}",
            evidence=EvidencePolicy(self.evidence),
            version=f"{file.source_url} {file.modified_gmt}",
        )

    def _read(self, address: str) -> bytes:
        """Return the file's bytes. Raises `RecordVanished` for any other answer.

        Raises `RecordUnreachable`, or `SourceUnreachable` if several files in a row fail.
        """
        try:
            answer = self.host.request("GET", address, headers={"Accept-Encoding": "identity"})
        except (SourceRefused, ResponseTooLarge) as error:
            raise RecordVanished(str(error)) from error
        except SourceUnreachable as error:
            self.failures.note(error)
            raise RecordUnreachable(str(error)) from error
        self.failures.end()
        if answer.status_code != HTTPStatus.OK:
            raise RecordVanished(f"le site ne rend pas le fichier ({answer.status_code})")
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in _PAGES or urlsplit(answer.url).path != urlsplit(address).path:
            raise RecordVanished("le site rend une page à la place du fichier")
        return answer.content
