"""Style sheets, scripts and themes: compressed, and cached by browsers while unchanged.

Pages themselves are never compressed: they hold what somebody asked beside what they may read, and
the length of the two compressed together would reveal the second (the BREACH attack, 2013).
"""

import gzip
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
COMPRESSED_TYPES = ("text/", "image/svg+xml", "application/javascript")
"""Kinds of files that are smaller packed."""
FOREVER, ASK = "public, max-age=31536000, immutable", "public, no-cache"


@lru_cache
def static_address(name: str) -> str:
    """Where a file of `static` is: another address for each content it had."""
    return f"/static/{name}?v={sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


class CachedStaticFiles(StaticFiles):
    """Files of a folder. One asked by its own version is kept; else the browser asks again."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, packed for who takes that; what is not found raises as it did."""
        response = await super().get_response(path, scope)
        if isinstance(response, FileResponse):
            response = _compressed(response, Headers(scope=scope))
        asked = f"/static/{path}?{scope['query_string'].decode('latin-1')}"
        known = self.directory == STATIC and scope["query_string"] and response.status_code < 400
        forever = known and asked == static_address(path)
        response.headers["Cache-Control"] = FOREVER if forever else ASK
        return response


def _compressed(response: FileResponse, asked: Headers) -> Response:
    if not response.headers["content-type"].startswith(COMPRESSED_TYPES):
        return response
    response.headers.add_vary_header("Accept-Encoding")
    if "gzip" not in asked.get("accept-encoding", "") or "range" in asked:
        return response
    headers = {name: response.headers[name] for name in ("content-type", "vary", "last-modified")}
    # A weak tag: the same words, in other bytes.
    headers |= {"content-encoding": "gzip", "etag": f"W/{response.headers['etag']}"}
    return Response(_gzip(str(response.path), response.headers["etag"]), headers=headers)


@lru_cache(maxsize=64)
def _gzip(path: str, etag: str) -> bytes:
    """A file's bytes, packed once for each content."""
    return gzip.compress(Path(path).read_bytes(), mtime=0)
