"""A new generation beside the old one, then in its place. Read `reindex` first."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from indexer.copying import Copied, Copying, copying, pieces, settled
from indexer.errors import IndexRefused
from indexer.generations import Encoders, Gate, Generation, GenerationWorks, Signature, Standing
from indexer.rights_sample import check_counts, check_rights

log = logging.getLogger(__name__)

COPIED = 100
"""How many documents are read, encoded and written at once."""

FEW = 200
"""When a pass finds no more than so many differences, the rest is done with writers kept out."""
PASSES = 20
"""After so many passes it is done so however many there are."""

Progress = Callable[[Copied, int], None]
"""Called with what is done, and of how many documents."""


@dataclass(frozen=True, slots=True)
class Works:
    """The parts that a reindex works with."""

    generations: GenerationWorks
    encoders: Encoders
    gate: Gate


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """What a reindex did: documents in all, and `tried` pairs of reader and document."""

    documents: int
    copied: Copied
    tried: int
    resumed: bool = False


def reindex(
    works: Works, wanted: Signature, progress: Progress = lambda done, total: None
) -> ReindexReport:
    """Fill a generation made as `wanted` from the live one, check it, and let it answer.

    Resumes one that was interrupted; a former generation that was kept makes way first. A
    live one of another format is not kept beside the new one: no writer of both is left.
    Raises `IndexUnreachable`, or `IndexRefused` where a check fails or another signature
    is being filled: the live generation answers in any case.
    """
    standing = _standing(works)
    filling = standing.filling
    if filling is not None and not filling.made.serves(wanted):
        raise IndexRefused(
            "Une autre réindexation est commencée, pour d'autres réglages : terminez-la avec "
            "ceux-là, ou lancez « quisait reindex --abandon »."
        )
    if standing.former is not None and standing.former.made.serves(wanted):
        return _change_over(works, standing.live, standing.former, progress)
    resumed = filling is not None
    if filling is None:
        with works.gate.alone():
            if standing.former is not None:
                works.generations.drop()
            filling = works.generations.begin(wanted)
    report = _change_over(works, standing.live, filling, progress)
    if standing.live.made.format != wanted.format:
        # Nothing here can write to it: left alone, its rights would go stale.
        with works.gate.alone():
            works.generations.drop()
    return ReindexReport(report.documents, report.copied, report.tried, resumed)


def roll_back(works: Works, progress: Progress = lambda done, total: None) -> ReindexReport:
    """Let the former generation answer again; it has had every write since.

    What a killed writer left different is mended first, so that no right is loosened.
    """
    standing = _standing(works)
    if standing.former is None:
        raise IndexRefused(
            "Il n'y a pas d'ancienne génération à laquelle revenir : rien n'a été changé."
        )
    if standing.former.made.format != standing.live.made.format:
        raise IndexRefused(
            "L'ancienne génération est d'une autre version, et n'est plus tenue à jour : rien n'a "
            "été changé. « quisait reindex --finish » la supprime."
        )
    return _change_over(works, standing.live, standing.former, progress)


def abandon(works: Works) -> None:
    """Drop the generation that is being filled."""
    if _standing(works).filling is None:
        raise IndexRefused("Aucune réindexation n'est commencée : rien n'a été changé.")
    with works.gate.alone():
        works.generations.drop()


def finish(works: Works) -> None:
    """Drop the former generation: there is no way back any more, and writes go to one index."""
    if _standing(works).former is None:
        raise IndexRefused("Il n'y a pas d'ancienne génération : rien n'a été changé.")
    with works.gate.alone():
        works.generations.drop()


def _change_over(
    works: Works, live: Generation, other: Generation, progress: Progress
) -> ReindexReport:
    """Bring `other` to what `live` has, check that it is so, and let them change places."""
    generations = works.generations
    copy = copying(generations, live, other, works.encoders, works.gate)
    for _ in range(PASSES):
        if _one_pass(copy, progress) <= FEW:
            break
    with works.gate.alone():
        settled(copy.source)
        settled(copy.target)
        for differing in copy.differing():
            copy.copy_alone(differing)
        if any(differing for differing in copy.differing()):
            raise IndexRefused(
                "Les deux générations diffèrent encore après la copie : rien n'a été échangé. "
                "Relancez « quisait reindex »."
            )
        documents = check_counts(copy.source, copy.target)
        tried = check_rights(copy.source, copy.target)
        generations.swap()
    log.info(
        "generations swapped",
        extra={"live": other.name, "former": live.name, "documents": documents},
    )
    return ReindexReport(documents, copy.done, tried)


def _one_pass(copy: Copying, progress: Progress) -> int:
    """Compare all, copy what differs; gives how many documents did."""
    total = sum(copy.source.count(name) for name in copy.source.sources())
    copy.done.seen = found = 0
    for differing in copy.differing():
        found += len(differing)
        for some in pieces(differing, COPIED):
            copy.copy(some)
            progress(copy.done, total)
    progress(copy.done, total)
    return found


def _standing(works: Works) -> Standing:
    standing = works.generations.standing()
    if standing is None:
        raise IndexRefused("Il n'y a pas encore d'index : lancez « quisait crawl ».")
    return standing
