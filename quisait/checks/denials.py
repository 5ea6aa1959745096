"""Whether every denial of the documents that are kept names somebody."""

from collections.abc import Iterator

from expertise.agent_book import SqlAgentBook
from quisait.assembly import live_index, open_database, open_works
from quisait.assembly.authorities import what_is_known
from quisait.encoders import own_encoder
from quisait.settings import Settings, beside_file
from quisait.work.unknown_denials import unknown_denials


def told_denials(settings: Settings) -> Iterator[tuple[str, str]]:
    """(source, what is wrong and what to do) of each denial that names nobody known.

    Of the directory as a crawl last read it, as readers are. Raises as index and database do.
    """
    folder = beside_file(settings.folder)
    database = open_database(settings, folder)
    with open_works(settings, folder, database) as works:
        index = live_index(works, own_encoder(works.generations, works.encoders))
        known = what_is_known(settings, SqlAgentBook(database), index)()
        for source in settings.sources:
            for one in unknown_denials(index, known, source.name):
                told = f"« {one.principal} » ne nomme personne de connu : {one.closed}."
                yield source.name, f"{told} {one.remedy}"
