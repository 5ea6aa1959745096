"""Make a set of questions similar to titles: `python -m evaluation.title_questions DIR OUT`.

Questions to FAQs are like this: a title asks the question nearly word for word, and its document
answers it. The questions are titles of another set's documents, changed as people would: one in
four significant words is left out, another one is replaced with a word of the document's text,
every other remaining one changes its number, and half of the questions are turned around. Documents
with that title are relevant. Choices are made by a hash, so that the same documents always give the
same set.
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
"""Least number of significant words of a title; a shorter title is too vague without one of them.
"""
ONE_IN = 4


FIRST_CHARACTERS = 1_000
"""Number of characters of a document's text that replacement words are taken from."""


def title_question(document_id: str, title: str, text: str = "") -> str:
    """Return the title as asked by a person who does not see it; empty if it is too short."""
    spans = sorted({(term.start, term.end) for term in analyse(title)})
    if len(spans) < LEAST_WORDS:
        return ""
    drawn = sorted(spans, key=lambda span: _drawn(document_id, span[0]))
    left_out, others = len(spans) // ONE_IN, _other_words(document_id, title, text)
    said = dict.fromkeys(drawn[:left_out], "")
    said |= dict(zip(drawn[left_out : left_out + 1], others, strict=False))
    said |= {
        span: _in_the_other_number(title[slice(*span)])
        for span in drawn[left_out + 1 :: 2]
        if span not in said
    }
    kept = title
    for (start, end), word in sorted(said.items(), reverse=True):
        kept = f"{kept[:start]}{word}{kept[end:]}"
    words = kept.split()
    turned = _drawn(document_id, -1) % 2 * (len(words) // 2)
    return " ".join(words[turned:] + words[:turned])


def _other_words(document_id: str, title: str, text: str) -> list[str]:
    """Return a word of the document's beginning that is not in its title, if there is any."""
    known = {term.term for term in analyse(title)}
    begun = text[:FIRST_CHARACTERS]
    spans = sorted({(t.start, t.end) for t in analyse(begun) if t.term not in known})
    words = [begun[start:end] for start, end in spans if end - start > LEAST_WORDS]
    return [words[_drawn(document_id, -2) % len(words)]] if words else []


def _in_the_other_number(word: str) -> str:
    if not word.isalpha() or len(word) < LEAST_WORDS:
        return word
    return word[:-1] if word[-1] in "sx" else f"{word}s"


def _drawn(document_id: str, place: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{document_id} {place}".encode()).digest()[:4])


def write_title_set(documents: tuple[JudgedText, ...], corpus: Path, out: Path, count: int) -> int:
    """Write a set in the BEIR layout; return its number of questions."""
    titled: dict[str, list[str]] = defaultdict(list)
    for document in documents:
        titled[document.title].append(document.id)
    asked = [(one, title_question(one.id, one.title, one.text)) for one in documents]
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
