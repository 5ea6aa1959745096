"""Sources that the settings no longer name: what is kept of them, and how it goes.

No reader meets their documents (`indexer.named_sources`), which nobody reads again. Read
`forget_source`.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from indexer.copying import pieces
from indexer.ports import IndexContents
from indexer.values import Remove
from quisait.assembly import House, witnessed_index
from quisait.commands.counting import counted
from quisait.faults import opened_house
from quisait.privacy.kept import not_noted
from quisait.settings import Settings
from quisait.work.source_lock import only_crawl
from quisait.work.source_status import SourceStatus
from search_api.catalogue.texts import _
from search_api.neutral import neutral

AT_ONCE = 500
"""Documents of one write."""


def unnamed_sources(index: IndexContents, settings: Settings) -> tuple[str, ...]:
    """Those of which the whole index keeps documents. Raises as `IndexContents` does."""
    return tuple(sorted(index.sources() - {one.name for one in settings.sources}))


def remedy_of(source: str) -> str:
    """What stands of it, and what a person can do."""
    return _(
        "absente de quisait.toml : personne ne trouve plus ses documents. « quisait forget "
        "%(source)s » les efface ; sinon, remettez sa table [[sources]]",
        source=source,
    )


def unnamed_statuses(house: House) -> list[SourceStatus]:
    """As `quisait sources` shows them."""
    return [
        SourceStatus(
            source=name,
            documents=house.whole_index.count(name),
            state=remedy_of(name),
            last_run=next(house.state.runs_of(name, 1), None),
            next_run=None,
            lag_s=None,
            running=None,
            failure_counts={},
            failures=(),
        )
        for name in unnamed_sources(house.whole_index, house.settings)
    ]


def forget_source(house: House, source: str) -> int:
    """Delete what is kept of a source that is not named: how many documents there were.

    Its documents go first, told to the register as every deletion is, so that no backup
    brings them back; then what was pushed, its tokens, its cursor, failures and runs. What
    breaks off is taken up by doing it again. Raises `ValueError` for a source that is named,
    or of which nothing is kept; `SourceBusy`, and what the index raises.
    """
    if source in {one.name for one in house.settings.sources}:
        raise ValueError(
            f"« {source} » est une source de quisait.toml : retirez-en sa table [[sources]], "
            "redémarrez « quisait run », puis recommencez."
        )
    if not _is_known(house, source):
        raise ValueError(f"Rien n'est gardé d'une source « {source} » : vérifiez son nom.")
    index = witnessed_index(house)
    with only_crawl(house.leases, source) as held:
        ids = [one.document_id for one in index.scan(source)]
        for some in pieces(ids, AT_ONCE):
            held.check()
            index.write([Remove(one) for one in some])
        house.inbox.forget(source)
        for token in house.push_tokens.of(source):
            house.push_tokens.revoke(source, token.id)
        house.state.forget(source)
    return len(ids)


def forget(
    source: Annotated[str, typer.Argument(help="Source retirée de quisait.toml")],
) -> None:
    """Efface tout ce qui reste d'une source que les réglages ne nomment plus."""
    with opened_house() as house:
        count = forget_source(house, source)
        left = not_noted(house.privacy.register)
    gone = counted(count, "document")
    print(neutral(f"{source} : effacée ({gone})."))
    if left:
        print(left, file=sys.stderr)
        raise typer.Exit(1)


def _is_known(house: House, source: str) -> bool:
    kept: Sequence[object] = (
        house.whole_index.count(source),
        house.state.load(source),
        house.state.keys(source),
        next(house.state.runs_of(source, 1), None),
        house.inbox.last_seq(source),
        house.push_tokens.of(source),
    )
    return any(kept)
