"""Open the answers that a language model writes."""

from quisait.application.assembly import Application
from quisait.clock import today
from quisait.settings import beside_file
from search_api.identity.readers import reader_of
from search_api.limits import RateLimiter, RequesterKind
from search_api.written_answer.model import ModelServer
from search_api.written_answer.values import Writing, WritingRules


def open_writing(application: Application) -> Writing | None:
    """Return what written answers need; None if the settings name no server."""
    said = application.settings.written_answer
    if not said.url:
        return None
    ca_file = str(beside_file(said.ca_file)) if said.ca_file else ""
    rules = WritingRules(
        sources=frozenset(said.sources),
        spaces=frozenset(said.spaces),
        restricted=said.restricted,
        passages=said.passages,
        least_share=said.least_share,
        time_limit_s=said.time_limit_s,
    )
    per_minute = max(1, said.per_minute // application.settings.door.servers)
    return Writing(
        ModelServer(said.url, said.model, said.key, ca_file, said.time_limit_s),
        rules,
        lambda agent_id: application.authorities.complete(
            reader_of(agent_id, application.book, today())
        ),
        RateLimiter({RequesterKind.READER: per_minute}),
    )
