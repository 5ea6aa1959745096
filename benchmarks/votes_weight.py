"""Print AP of expert sets by weight of votes in the log-odds: `python -m benchmarks.votes_weight`.

A column for each set; a row for each weight of the logarithm of the score (all candidates in that
order), then the weight that the other sets choose. Reads `$QUISAIT_SHARED/eval`.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from benchmarks import not_measured
from evaluation.corpora import ExpertSet, JudgedQuery, load_expert_set
from evaluation.scratch import Bench, evaluation_reader, open_scratch
from expertise.knowing import Features, log_odds
from expertise.values import Candidate
from expertise.who_knows import NO_BAR, PeopleQuestion, find_experts
from quisait.settings import EncoderSettings, IndexSettings
from tests.model_export import prepared_model
from tests.shared_files import SHARED

SETS = SHARED / "eval"
NAMES = (
    "expert_vdd_contacts",
    "expert_beta",
    "expert_beta theme",
    "expert_dblp",
    "expert_dblp topic",
    "expert_slicer",
    "expert_meta",
    "expert_openfisca",
)
WEIGHTS = (0, 1, 2, 3, 4, 5, 6, 8, 12)
Answers = Sequence[tuple[JudgedQuery, Sequence[Candidate]]]


def asked(judged: ExpertSet, bench: Bench) -> Answers:
    """Return the candidates of each question. Raises `IndexUnreachable` or `IndexRefused`."""
    with open_scratch(bench, judged) as scratch:

        def ask(query: JudgedQuery) -> list[Candidate]:
            reader = evaluation_reader(query)
            question = PeopleQuestion(
                query.text, reader.agent_id, limit=len(judged.candidates), least=NO_BAR
            )
            window = scratch.search.window_of(query.text, reader)
            ranked = find_experts(window, question, scratch.book, date.today()).ranked
            return [one for one in ranked if one.agent.id in judged.ranked]

        return list(zip(judged.queries, bench.each(ask, judged.queries), strict=True))


def precision(answers: Answers, right: Mapping[str, Mapping[str, int]], weight: float) -> float:
    """Return the mean average precision of the order with this weight."""
    values = []
    for query, candidates in answers:

        def order(one: Candidate) -> float:
            return -log_odds(Features(*one.parts.features)) - weight * math.log(one.score)

        wanted = {id_ for id_, degree in right.get(query.id, {}).items() if degree > 0}
        hits, total = 0, 0.0
        for place, one in enumerate(sorted(candidates, key=order), 1):
            if one.agent.id in wanted:
                hits += 1
                total += hits / place
        if wanted:
            values.append(total / len(wanted))
    return math.fsum(values) / len(values)


def main() -> None:
    """Print the table."""
    if not_measured("votes_weight", SETS):
        return
    encoder = EncoderSettings.model_validate({"kind": "onnx", "model": str(prepared_model())})
    bench = Bench(IndexSettings(engine="embedded"), encoder, Path(".cache/evaluation"), workers=2)
    found = {}
    for name in NAMES:
        folder, _, kind = name.partition(" ")
        suffix = f"_{kind}" if kind else ""
        judged = load_expert_set(SETS / folder, f"queries{suffix}.jsonl", f"qrels{suffix}.tsv")
        answers = asked(judged, bench)
        found[name] = {weight: precision(answers, judged.judgments, weight) for weight in WEIGHTS}
    print("| weight |", " | ".join(found), "|")
    for weight in WEIGHTS:
        print(f"| {weight} |", " | ".join(f"{one[weight]:.3f}" for one in found.values()), "|")
    chosen = []
    for name in found:
        others = [one for other, one in found.items() if other.split()[0] != name.split()[0]]
        chosen.append(max(WEIGHTS, key=lambda weight: math.fsum(one[weight] for one in others)))
    print("| chosen elsewhere |", " | ".join(map(str, chosen)), "|")


if __name__ == "__main__":
    main()
