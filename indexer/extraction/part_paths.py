"""Where an attachment lies inside its document: names that others chose, made safe to show."""

import re
import unicodedata
from collections.abc import Sequence

from indexer.extraction.tika_failures import Metadata, TikaPart, first

ARCHIVES = frozenset(
    f"application/{name}"
    for name in (
        *("zip", "x-tar", "x-gtar", "gzip", "x-7z-compressed", "x-bzip2", "x-xz"),
        *("x-rar-compressed", "x-archive", "x-cpio", "x-compress", "zstd"),
    )
)
_LONGEST = 500
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]")


def clean_path(path: str) -> str:
    """Segments joined by slashes, without control characters, drives and ways out (`..`)."""
    segments = (
        " ".join(_UNSEEN.sub("", unicodedata.normalize("NFC", segment)).split())
        for segment in path.replace("\\", "/").split("/")
    )
    kept = "/".join(s for s in segments if s not in {"", ".", ".."} and not s.endswith(":"))
    return kept if len(kept) <= _LONGEST else f"…{kept[-_LONGEST:]}"


def server_paths(answered: Sequence[Metadata]) -> list[str]:
    """The path of each part in a server's answer.

    The server names a file of an archive without its folders; its own name has them.
    """
    ids = [first(part, "X-TIKA:embedded_id_path") for part in answered]
    by_id = dict(zip(ids, answered, strict=True))

    def path_of(id_path: str) -> str:
        part = by_id.get(id_path)
        if part is None or not id_path:
            return ""
        above = id_path.rpartition("/")[0]
        name = first(part, "X-TIKA:embedded_resource_path").rpartition("/")[2]
        full = first(part, "resourceName")
        packed = first(by_id.get(above, {}), "Content-Type") in ARCHIVES
        return f"{path_of(above)}/{full if packed and full.endswith(name) else name}".lstrip("/")

    return [path_of(id_path) for id_path in ids]


def named_apart(parts: Sequence[TikaPart]) -> list[TikaPart]:
    """The same parts under clean paths, of which no two are alike."""
    taken: dict[str, int] = {}
    apart = []
    for rank, part in enumerate(parts):
        path = clean_path(part.path) if rank else ""
        if rank and not path:
            path = "sans nom"
        taken[path] = taken.get(path, 0) + 1
        number = f" ({taken[path]})" if taken[path] > 1 else ""
        apart.append(TikaPart(part.xhtml, part.metadata, path + number))
    return apart


def is_archive(part: TikaPart) -> bool:
    """Whether what the part itself says is only a list of names."""
    return first(part.metadata, "Content-Type") in ARCHIVES
