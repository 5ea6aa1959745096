"""Ask a language model by the OpenAI chat API, which most servers of models speak."""

import json
import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

from quisait_written_answer.values import Message, ModelFailed

log = logging.getLogger(__name__)

MOST_BYTES, MOST_CHARACTERS = 5_000_000, 12_000
"""Maximum size of an answer, in bytes as received and in characters of text; 700 tokens are 3 000
characters.
"""
MOST_LINE_BYTES = 100_000
_HEADERS = ((b"Accept", b"text/event-stream"), (b"Accept-Encoding", b"identity"))


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A client of a language model that is served with the OpenAI chat API.

    `url` is the address of the API, such as `http://127.0.0.1:8000/v1`.

    Times are in seconds; `time_limit_s` limits each wait for bytes; callers limit the whole answer.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    ca_file: str = ""
    time_limit_s: float = 60.0

    async def write(
        self, messages: Sequence[Message], most_tokens: int
    ) -> AsyncGenerator[str, None]:
        """Yield the model's answer in pieces, at most `most_tokens` tokens in all.

        Raises `ModelFailed`.
        """
        body = {
            "model": self.model,
            "messages": list(messages),
            "stream": True,
            "temperature": 0,
            "max_tokens": most_tokens,
        }
        # As bytes: a key of other than ASCII letters would be an error here.
        headers = [
            *_HEADERS,
            *([(b"Authorization", f"Bearer {self.key}".encode())] if self.key else []),
        ]
        verify: Any = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True
        address = f"{self.url.rstrip('/')}/chat/completions"
        try:
            async with (
                httpx2.AsyncClient(timeout=self.time_limit_s, verify=verify) as client,
                client.stream("POST", address, json=body, headers=headers) as response,
            ):
                if response.status_code != 200:
                    raise ModelFailed(f"status {response.status_code}")
                async for piece in _pieces(response.aiter_raw()):
                    yield piece
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ModelFailed) as error:
            reason = str(error) if isinstance(error, ModelFailed) else type(error).__name__
            log.warning("language model failed", extra={"reason": reason})
            raise ModelFailed(reason) from error


async def _pieces(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Yield the text of an event stream. Raises `ModelFailed` if the stream ends unexpectedly."""
    ended, written = False, 0
    async for line in _lines(chunks):
        name, _, data = line.partition(b":")
        if name != b"data":
            continue
        if data.strip() == b"[DONE]":
            return
        text, reason = _delta(data)
        written += len(text)
        if written > MOST_CHARACTERS:
            raise ModelFailed("too long")
        if text:
            yield text
        ended = ended or bool(reason)
    if not ended:
        raise ModelFailed("broken off")


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest, read = b"", 0
    async for chunk in chunks:
        read += len(chunk)
        *whole, rest = (rest + chunk).split(b"\n")
        if read > MOST_BYTES or len(rest) > MOST_LINE_BYTES:
            raise ModelFailed("too long")
        for line in whole:
            yield line
    yield rest


def _delta(data: bytes) -> tuple[str, str]:
    """Return the text of an event and why the answer ended, both possibly empty."""
    try:
        event = json.loads(data)
        if event.get("error"):
            raise ModelFailed("error event")
        choice = (event.get("choices") or [{}])[0]
        text = (choice.get("delta") or {}).get("content") or ""
        reason = choice.get("finish_reason") or ""
    except (ValueError, RecursionError, LookupError, AttributeError, TypeError):
        raise ModelFailed("no event") from None
    if not isinstance(text, str):
        raise ModelFailed("no text")
    return text, str(reason)
