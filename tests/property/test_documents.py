"""A document read here, on generated texts, addresses, ranges and folders."""

from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.folder.walk import FoundFile, find_file, walk
from connectors.values import Section
from indexer.passages import cut, joined
from search_api.addresses import document_address, original_address
from search_api.documents.originals import RangeNotSatisfiable, byte_range, original_headers
from search_api.documents.service import unwrapped

pytestmark = pytest.mark.trust


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60), st.booleans())
def test_what_was_cut_is_joined_without_a_loss(lengths: list[int], blank: bool) -> None:
    """Every word stands once and in order, and each passage where it is said to begin."""
    words = iter(f"mot{n}" for n in range(sum(lengths)))
    gap = "\n\n" if blank else " "
    text = gap.join("Et " + " ".join(next(words) for _ in range(n)) + "." for n in lengths)
    passages = cut([Section(text, "Titre")], "")
    whole, starts = joined(passages)
    assert whole.split() == text.split()
    for passage, start in zip(passages, starts, strict=True):
        assert whole[start:].startswith(passage.text)


@pytest.mark.parametrize(
    "repeated", ["borne ", "Borne. ", "borne\n", "Merci. Merci beaucoup. ", "a b c\n", "a " * 190]
)
def test_words_said_again_and_again_are_all_joined(repeated: str) -> None:
    """Neighbours that repeat the same words do not all share them."""
    text = repeated * 1_000
    assert joined(cut([Section(text, "Titre")], ""))[0].split() == text.split()


@given(st.text("ab .\n|A1(", max_size=200))
def test_lines_that_go_on_keep_every_character_in_its_place(text: str) -> None:
    """Else words would be marked beside where they stand."""
    again = unwrapped(text)
    assert len(again) == len(text)
    assert all(a == b or (a, b) == ("\n", " ") for a, b in zip(text, again, strict=True))


@given(st.text(min_size=1), st.text(max_size=30))
@example("wiki:a/../b", "x")
@example("wiki:a/original", "")
@example("dossier:..", "?#&")
def test_an_address_is_one_segment(name: str, question: str) -> None:
    """No slash, no dot segment, no query of the id's own: an id is what it was."""
    document_id = name.encode("utf-8", "replace").decode()
    found = urlsplit(document_address(f"s:{document_id}", question))
    assert found.path.count("/") == 2
    assert unquote(found.path.removeprefix("/documents/")) == f"s:{document_id}"
    assert bool(found.query) == bool(found.fragment) == bool(question.strip())
    assert original_address(f"s:{document_id}").count("/") == 3


@given(st.integers(0, 50), st.text("bytes=-0123456789, x", max_size=20))
@example(10, "bytes=0-")
@example(10, "bytes=-0")
@example(0, "bytes=-5")
def test_a_range_stays_within_its_file(size: int, header: str) -> None:
    """Whatever is asked for: all, a part that is not empty, or a refusal."""
    try:
        part = byte_range(header, size)
    except RangeNotSatisfiable:
        return
    assert 0 <= part.start <= part.end <= size
    assert part.partial or (part.start, part.end) == (0, size)
    assert part.start < part.end or not part.partial


@given(st.text(max_size=300), st.binary(max_size=50))
def test_a_name_writes_no_header(name: str, beginning: bytes) -> None:
    """Neither a line of its own, nor a type that a page could run in."""
    headers = original_headers(name, beginning)
    for value in headers.values():
        value.encode("ascii")
        assert value.isprintable()
    runs = any(kind in headers["Content-Type"] for kind in ("html", "svg", "xml", "script"))
    assert not runs or headers["Content-Disposition"].startswith("attachment")


_NAMES = st.sampled_from(["a", "b", ".cachee", "é", "e\u0301", "_quisait.csv", "a.quisait.json"])
_PATHS = st.lists(st.lists(_NAMES, min_size=1, max_size=3), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(_PATHS, st.lists(_NAMES, min_size=1, max_size=3), st.booleans())
def test_a_file_is_found_where_a_walk_finds_it(
    paths: list[list[str]], linked: list[str], outside: bool
) -> None:
    """The same, with the same rules; and nothing that the walk leaves out: links, hidden, rules."""
    with TemporaryDirectory() as folder:
        root = Path(folder, "racine")
        root.mkdir()
        secret = Path(folder, "secret") if outside else root / "a"
        for path in [*paths, linked]:
            file = root.joinpath(*path)
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                if path is linked:
                    file.symlink_to(secret)
                else:
                    file.write_text("pattern,allowed\n*,everyone\n", "utf-8")
            except OSError:
                continue  # a file stands where a folder should
        walked: dict[str, FoundFile] = {}
        for one in walk(root):
            if isinstance(one, FoundFile):
                walked.setdefault(one.path, one)
        asked = {"/".join(path) for path in [*paths, linked]} | walked.keys()
        for path_asked in (*asked, "", "..", "../secret", "/a", "a/", "a//b", "./a"):
            assert find_file(root, path_asked) == walked.get(path_asked)
