"""Count, by kind, the invented sentences that the check of written sentences strikes out."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.abstention import markdown_row

TRUE, PARAPHRASED = "true", "paraphrased"
"""Kinds of sentences that the passage supports: in its own words, and in other words."""


@dataclass(slots=True)
class JudgedInventions:
    """Numbers of sentences `asked` and `kept` as true, by (set, kind). `wrong` lists each error."""

    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    kept: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[tuple[str, str, str]] = field(default_factory=list)


def judge_inventions(path: Path) -> JudgedInventions:
    """Check each sentence of a file against its passage.

    Raises `ValueError` for invalid JSON, and without the package `quisait-written-answer`.
    Lines have `set`, `title`, `text`, `true` and `paraphrased` (sentences that the text says), and
    `invented` (by kind, sentences that it does not say).
    """
    try:
        from quisait_written_answer.grounding import Grounds, fault_of
        from quisait_written_answer.sentences import CitedSentence
    except ImportError as error:
        raise ValueError("Installez le paquet « quisait-written-answer ».") from error
    found = JudgedInventions()
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        grounds = [Grounds(row["title"], "", row["text"])]
        said = {TRUE: row["true"], PARAPHRASED: row.get("paraphrased", [])}
        for kind, sentences in (said | row["invented"]).items():
            for sentence in sentences:
                kept = fault_of(CitedSentence(sentence, (1,)), grounds) is None
                found.asked[row["set"], kind] += 1
                found.kept[row["set"], kind] += kept
                if kept is not (kind in said):
                    found.wrong.append((row["set"], kind, sentence))
    return found


def inventions_text(judged: JudgedInventions) -> str:
    """Return Markdown tables as in docs/evaluation.md, and then each error."""
    sets = list(dict.fromkeys(name for name, _ in judged.asked))
    lines = ["| sentences | " + " | ".join(sets) + " |", "|---|" + "---:|" * len(sets)]
    for kind in dict.fromkeys(kind for _, kind in judged.asked):
        lines.append(markdown_row([_label(kind), *(_cell(judged, one, kind) for one in sets)], ""))
    invented = [_total(judged, one) for one in sets]
    lines.append(markdown_row(["all inventions: struck out", *invented], "**"))
    lines += ["", *(f"- {one}, {kind}: {sentence}" for one, kind, sentence in judged.wrong)]
    return "\n".join(lines)


def _label(kind: str) -> str:
    return f"{kind}: kept" if kind in (TRUE, PARAPHRASED) else f"invented, {kind}: struck out"


def _cell(judged: JudgedInventions, name: str, kind: str) -> str:
    asked, kept = judged.asked[name, kind], judged.kept[name, kind]
    return f"{kept if kind in (TRUE, PARAPHRASED) else asked - kept} of {asked}" if asked else "–"


def _total(judged: JudgedInventions, name: str) -> str:
    kinds: Sequence[str] = [
        kind for one, kind in judged.asked if one == name and kind not in (TRUE, PARAPHRASED)
    ]
    asked = sum(judged.asked[name, kind] for kind in kinds)
    return f"{asked - sum(judged.kept[name, kind] for kind in kinds)} of {asked}"
