"""Open the answers whose sentences a language model chooses."""

import asyncio
import time

from quisait.application.assembly import Application
from quisait.settings import file_named
from quisait_written_answer.settings import WrittenAnswerSettings
from quisait_written_answer.values import LanguageModel, ModelFailed, Writing, WritingRules
from search_api.limits import RateLimiter, RequesterKind


def open_writing(application: Application) -> Writing:
    """Return the dependencies of chosen sentences, with the server of the settings."""
    said = application.settings.table(WrittenAnswerSettings)
    rules = WritingRules(
        sources=frozenset(said.sources),
        spaces=frozenset(said.spaces),
        restricted=said.restricted,
        passages=said.passages,
        time_limit_s=said.time_limit_s,
    )
    per_minute = max(1, said.per_minute // application.settings.door.servers)
    return Writing(
        open_model(said),
        rules,
        application.reader,
        RateLimiter({RequesterKind.READER: per_minute}),
    )


def open_model(said: WrittenAnswerSettings) -> LanguageModel:
    """Return the language model of the settings."""
    # Imported here: the HTTP client is loaded only if the settings ask for it.
    from quisait_written_answer.model import ModelServer

    return ModelServer(said.url, said.model, said.key, file_named(said.ca_file), said.time_limit_s)


def check_model(said: WrittenAnswerSettings) -> str:
    """Send the model a test message without any document; return its response time in French.

    Raises `ValueError` with the remedy.
    """

    async def asked() -> None:
        async with asyncio.timeout(said.time_limit_s):
            async for _ in open_model(said).write([{"role": "user", "content": "Dites oui."}], 8):
                pass

    begun = time.perf_counter()
    try:
        asyncio.run(asked())
    except (ModelFailed, TimeoutError) as error:
        raise ValueError(
            f"{said.url} ne répond pas comme il faut ({error or 'trop tard'}) : vérifiez url, "
            "model et key de [written_answer], et que ce serveur répond en flux"
        ) from error
    return f"{said.model}, un mot en {time.perf_counter() - begun:.1f} s"
