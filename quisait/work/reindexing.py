"""`quisait reindex`: the index made anew beside itself, while it is searched and written to."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Annotated, Any

import typer

from indexer.errors import IndexRefused
from indexer.generations import Signature, Standing
from indexer.passages import passage_text
from indexer.ports import Encoder, Index
from indexer.reindex import ReindexReport, Works, abandon, finish, reindex, roll_back
from quisait.application.assembly import IndexParts, open_index_parts
from quisait.application.engines import open_encoder
from quisait.application.progress import duration, shown_progress
from quisait.application.sources import opened_database
from quisait.application.startup import errors_as_sentences, read_settings
from quisait.settings import Settings, beside_file

SAMPLED_PER_SOURCE = 50
"""Documents read of each source to say how many passages there are."""
TIMED_PASSAGES = 32
"""Passages encoded to say how long all of them take."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a reindex would do. `passages` are those to encode; 0 where vectors are copied."""

    reasons: tuple[str, ...]
    documents: int
    size_bytes: int
    passages: int
    passages_per_s: float

    @property
    def seconds(self) -> int:
        """How long encoding takes, at the rate that was measured."""
        return round(self.passages / self.passages_per_s) if self.passages else 0


def reindex_command(
    check: Annotated[
        bool, typer.Option("--check", help="Dire s'il le faut et combien de temps, sans rien faire")
    ] = False,
    back: Annotated[
        bool, typer.Option("--roll-back", help="Revenir à l'ancienne génération, restée à jour")
    ] = False,
    drop_former: Annotated[
        bool, typer.Option("--finish", help="Supprimer l'ancienne génération")
    ] = False,
    drop_filling: Annotated[
        bool, typer.Option("--abandon", help="Supprimer une réindexation commencée")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Résultat en JSON, pour un programme")
    ] = False,
) -> None:
    """Refait l'index à côté de lui-même (autre encodeur, autre analyse), puis l'échange."""
    if check + back + drop_former + drop_filling > 1:
        print("Une seule de ces options à la fois.", file=sys.stderr)
        raise typer.Exit(2)
    with _opened() as (settings, works):
        if check:
            _tell(asdict(_outlook(settings, works)), _outlook_text, as_json)
            return
        with works.gate.only_reindex():
            parts = Works(works.generations, works.encoders, works.gate)
            if drop_filling:
                abandon(parts)
                _tell({"abandoned": True}, lambda _: "La réindexation est abandonnée.", as_json)
            elif drop_former:
                finish(parts)
                _tell(
                    {"finished": True},
                    lambda _: "L'ancienne génération est supprimée : il n'y a plus de retour.",
                    as_json,
                )
            else:
                _change(works, parts, back=back, as_json=as_json)


def reindex_reasons(works: IndexParts) -> tuple[str, ...]:
    """Why a reindex is due, in words; empty where none is. Raises as `standing` does."""
    standing = works.generations.standing()
    if standing is None:
        return ()
    return _reasons(standing, works.generations.signature(works.encoders.of_settings()))


def _reasons(standing: Standing, wanted: Signature) -> tuple[str, ...]:
    made = standing.live.made
    reasons = []
    if made.encoder.name != wanted.encoder.name:
        kept = made.encoder.name or "un encodeur inconnu"
        reasons.append(f"l'index est fait avec {kept}, les réglages disent {wanted.encoder.name}")
    if made.analysis != wanted.analysis:
        reasons.append("l'analyse du français ou les champs ont changé depuis que l'index est fait")
    if made.format != wanted.format:
        reasons.append("l'index est d'une autre version")
    if standing.filling is not None:
        reasons.append("une réindexation est commencée : « quisait reindex » la reprend")
    return tuple(reasons)


@contextmanager
def _opened() -> Iterator[tuple[Settings, IndexParts]]:
    with errors_as_sentences():
        settings = read_settings()
        with (
            opened_database(settings) as database,
            open_index_parts(settings, beside_file(settings.folder), database) as works,
        ):
            yield settings, works


def _change(works: IndexParts, parts: Works, *, back: bool, as_json: bool) -> None:
    """Reindex, or roll back; an interruption loses nothing."""
    if not back and not reindex_reasons(works):
        _tell({"needed": False}, lambda _: "L'index est à jour : rien à faire.", as_json)
        return
    started = time.monotonic()
    try:
        with shown_progress("réindexation", "documents", as_json) as advance:
            if back:
                report = roll_back(parts, lambda done, total: advance(done.seen, total))
            else:
                wanted = works.generations.signature(works.encoders.of_settings())
                report = reindex(parts, wanted, lambda done, total: advance(done.seen, total))
    except KeyboardInterrupt:
        raise SystemExit(
            "Réindexation interrompue ; l'index répond comme avant. Relancez pour reprendre, ou "
            "« quisait reindex --abandon »."
        ) from None
    taken = duration(round(time.monotonic() - started))
    _tell(asdict(report), lambda _: _report_text(report, taken, back=back), as_json)


def _report_text(report: ReindexReport, taken: str, *, back: bool) -> str:
    done = report.copied
    first = "L'ancienne génération répond de nouveau" if back else "La nouvelle génération répond"
    return (
        f"{first} : {report.documents} documents, {done.written} écrits, {done.removed} retirés, "
        f"{done.encoded} passages encodés, {report.tried} lectures d'essai sous les mêmes droits, "
        f"en {taken}.\n"
        "L'autre reste tenue à jour : « quisait reindex --roll-back » y revient, « quisait reindex "
        "--finish » la supprime. Si l'encodeur a changé, redémarrez les serveurs avant --finish."
    )


def _outlook(settings: Settings, works: IndexParts) -> Outlook:
    standing = works.generations.standing()
    if standing is None:
        raise IndexRefused("Il n'y a pas encore d'index : lancez « quisait crawl ».")
    reasons = reindex_reasons(works)
    live = works.generations.index(standing.live)
    documents = sum(live.count(source) for source in live.sources())
    size = works.generations.size_bytes(standing.live)
    if standing.live.made.encoder.name == works.encoders.of_settings().name:
        return Outlook(reasons, documents, size, 0, 0.0)
    texts, sampled = _sampled_texts(live)
    passages = round(len(texts) / sampled * documents) if sampled else 0
    # The cache would answer for texts that it has, and too fast.
    rate = _rate(open_encoder(settings.encoder), texts[:TIMED_PASSAGES]) if texts else 0.0
    return Outlook(reasons, documents, size, passages, rate)


def _sampled_texts(live: Index) -> tuple[list[str], int]:
    """(texts of the passages of some documents of each source, how many documents these are)."""
    texts: list[str] = []
    sampled = 0
    for source in sorted(live.sources()):
        ids = [one.document_id for one in islice(live.scan(source), SAMPLED_PER_SOURCE)]
        for document in live.documents(ids):
            sampled += 1
            texts += [passage_text(document.document.title, one) for one in document.passages]
    return texts, sampled


def _rate(encoder: Encoder, texts: list[str]) -> float:
    """Passages a second, after a first one that wakes the model."""
    encoder.passages(texts[:1])
    started = time.monotonic()
    encoder.passages(texts)
    return len(texts) / max(time.monotonic() - started, 1e-6)


def _outlook_text(told: dict[str, Any]) -> str:
    outlook = Outlook(**told)
    lines = [f"Index : {outlook.documents} documents, {outlook.size_bytes / 1e6:.1f} Mo."]
    if not outlook.reasons:
        return "\n".join([*lines, "Rien n'est à refaire."])
    lines += [f"À refaire : {reason}." for reason in outlook.reasons]
    lines.append(f"Place à prévoir à côté : environ {outlook.size_bytes / 1e6:.1f} Mo.")
    if outlook.passages:
        lines.append(
            f"À encoder : environ {outlook.passages} passages, à {outlook.passages_per_s:.0f} par "
            f"seconde (mesuré) : environ {duration(outlook.seconds)}."
        )
    else:
        lines.append("Les vecteurs seront copiés : rien n'est à encoder.")
    return "\n".join([*lines, "Rien n'a été changé. Lancez « quisait reindex »."])


def _tell(told: dict[str, Any], text: Any, as_json: bool) -> None:
    print(json.dumps(told, ensure_ascii=False, default=str) if as_json else text(told))
