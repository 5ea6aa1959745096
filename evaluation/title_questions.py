"""A judged set of questions that nearly are titles: `python -m evaluation.title_questions DIR OUT`.

FAQs are asked so: a title says the question nearly word for word, and its document answers it. The
questions are titles of another set's documents without one in four of the words that say
something; what has that title is relevant. Which words are left out goes by a hash, so that the
same set comes out of the same documents.
"""

import argparse
import hashlib
import json
import shutil
import sys
from collections import defaultdict
from pathlib import Path

from evaluation.corpora import JudgedText, load_search_set, spread
from indexer.french.analysis import analyse

LEAST_WORDS = 4
"""A title of fewer words that say something is no question any more with one left out."""
ONE_IN = 4


def title_question(document_id: str, title: str) -> str:
    """The title without one in four of its words; empty where it has too few."""
    places = list(dict.fromkeys((term.start, term.end) for term in analyse(title)))
    starts = sorted(places)
    if len(starts) < LEAST_WORDS:
        return ""
    drawn = sorted(
        starts, key=lambda span: hashlib.sha256(f"{document_id} {span[0]}".encode()).digest()
    )
    left_out = drawn[: max(1, len(starts) // ONE_IN)]
    kept = title
    for start, end in sorted(left_out, reverse=True):
        kept = f"{kept[:start]} {kept[end:]}"
    return " ".join(kept.split())


def write_title_set(documents: tuple[JudgedText, ...], corpus: Path, out: Path, count: int) -> int:
    """Write a set in the BEIR layout; returns how many questions it has."""
    titled: dict[str, list[str]] = defaultdict(list)
    for document in documents:
        titled[document.title].append(document.id)
    asked = [(one, title_question(one.id, one.title)) for one in documents]
    kept = spread([(one, question) for one, question in asked if question], count)
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(corpus, out / "corpus.jsonl")
    with (out / "queries.jsonl").open("w", encoding="utf-8") as queries:
        for one, question in kept:
            queries.write(json.dumps({"_id": f"t{one.id}", "text": question}) + "\n")
    with (out / "qrels.tsv").open("w", encoding="utf-8") as judgments:
        judgments.write("query-id\tcorpus-id\tscore\n")
        for one, _ in kept:
            for same in titled[one.title]:
                judgments.write(f"t{one.id}\t{same}\t1\n")
    return len(kept)


def main() -> None:
    """Write the set."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.title_questions")
    parser.add_argument("directory", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--questions", type=int, default=500)
    asked = parser.parse_args()
    documents = load_search_set(asked.directory).documents
    corpus = asked.directory / "corpus.jsonl"
    count = write_title_set(documents, corpus, asked.out, asked.questions)
    sys.stdout.write(f"{count}\n")


if __name__ == "__main__":
    main()
