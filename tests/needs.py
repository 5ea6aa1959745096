"""Derive what each test needs, and who runs it, from its code.

A test needs a server if it, a fixture of its, or a helper that they name starts one. Where a
parameter chooses between engines (`embedded`, `opensearch`), only the chosen one is needed.
A test without such a marker that asks for a server all the same is refused (`refuse_where_fast`),
so that a marker that is missing is an error and not a slow run.
"""

import dis
import functools
import inspect
import os
import time
import types
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import is_hypothesis_test

from tests.soak_parts import DRAWN, soak_part

SERVERS = {
    "opensearch": "needs a real OpenSearch",
    "tika": "needs a real Tika server",
    "postgres": "needs a real PostgreSQL",
    "ldap": "needs a real slapd",
    "dovecot": "needs a real Dovecot",
    "wiki": "needs a real MediaWiki",
    "apache": "needs a real Apache with WebDAV",
    "wordpress": "needs a real WordPress with MariaDB",
    "wagtail": "needs a real Wagtail",
    "cmis": "needs a real OpenCMIS repository",
    "samba": "needs a real Samba, a domain controller",
    "matrix": "needs a real Synapse",
    "tesseract": "needs Tesseract and Poppler",
    "hyperkitty": "needs a real Mailman with HyperKitty",
    "redmine": "needs a real Redmine",
    "provider": "needs a real OpenID Connect provider",
    "browser": "needs Chromium",
    "dokuwiki": "needs the code of a real DokuWiki",
    "request_tracker": "needs the code of a real Request Tracker",
    "small_model": "needs a small language model, served by llama.cpp",
}
LIBRARIES = {
    "torch": "needs torch and sentence-transformers, which only `make soak` installs",
    "spark": "needs Spark, which only `make soak` installs, and a Java",
}
SERVER = "server"
SLOW = "slow"
SOAK = "soak"
MARKERS = {
    **SERVERS,
    **LIBRARIES,
    SERVER: "needs any of these servers",
    SLOW: "takes long without any server: processes, histories, figures",
    SOAK: "left out of `make test`, run by `make soak` (tests/soak.py)",
}
"""Marker and meaning; `pytest --markers` prints them."""

NEEDS_PROPERTY = "needs"
NO_SERVERS = "TESTS_START_NO_SERVER"
"""Set by `make test-fast`, and in `make test` while a test runs that needs no server."""

START_TIMES = "TESTS_START_TIMES"
"""Set by `tests.run_all`: a file that gets a line for each server that is started."""

PART_VARIABLE = "TESTS_PART"
"""Set by `tests.run_all` and `tests.soak`: the part that is run."""


UNITS_VARIABLE = "TESTS_UNITS"
"""Set by `tests.soak`: a file that gets each part and file of the collected tests, as JSON."""


class Part(StrEnum):
    """The parts of `make test`: each test that is not left to `make soak` is in one of them."""

    TOGETHER = "together"
    ALONE = "alone"


_STARTS = {
    "tests.engines.ensure_opensearch": "opensearch",
    "tests.engines.opensearch_home": "opensearch",
    "tests.engines.ensure_tika": "tika",
    "tests.own_tika.own_tika": "tika",
    "tests.postgres_server.own_postgres": "postgres",
    "tests.postgres_server.postgres_server": "postgres",
    "tests.ldap_server.ensure_ldap": "ldap",
    "tests.dovecot_server.dovecot_server": "dovecot",
    "tests.wiki_server.ensure_wiki": "wiki",
    "tests.dav_server.ensure_dav": "apache",
    "tests.wordpress_server.ensure_wordpress": "wordpress",
    "tests.wagtail_server.ensure_wagtail": "wagtail",
    "tests.cmis_server.ensure_cmis": "cmis",
    "tests.samba_server.ensure_samba": "samba",
    "tests.matrix_server.ensure_matrix": "matrix",
    "tests.samples.scans.ensure_tesseract": "tesseract",
    "tests.hyperkitty_server.ensure_hyperkitty": "hyperkitty",
    "tests.redmine_server.ensure_redmine": "redmine",
    "tests.oidc_provider.running_provider": "provider",
    "tests.pages.conftest.chromium": "browser",
    "tests.dokuwiki_rights.ensure_dokuwiki": "dokuwiki",
    "tests.request_tracker.ensure_request_tracker": "request_tracker",
    "tests.small_model_server.ensure_small_model": "small_model",
    "tests.conftest.postgres": "postgres",
    "tests.model_export.exported_model": "torch",
    "indexer.encoding.onnx_encoder.SentenceEncoder": "torch",
    "quisait_second_model.cross_encoder.SentenceCrossEncoder": "torch",
}
_IMPORTS = {
    "torch": "torch",
    "transformers": "torch",
    "sentence_transformers": "torch",
    "pyspark": "spark",
}
"""What a function imports itself says which library it needs."""
_INSTEAD = {
    "opensearch": {"embedded"},
    "tika": {"in_process", "in-process"},
    "postgres": {"sqlite"},
    "matrix": {"folder", "export", "push", "wiki", "share"},
}
"""Words of a test's parameters that say that another engine was chosen."""
_CHOSEN = {
    "opensearch": {"opensearch"},
    "tika": {"tika", "tika_server"},
    "postgres": {"postgresql", "postgres"},
    "ldap": {"ldap"},
    "wiki": {"wiki"},
    "samba": {"share"},
    "matrix": {"matrix"},
    "torch": {"transformers"},
}
"""Words of a test's parameters that choose a server by its name."""
_SLOW = (
    "packages/desk/",
    "tests/faults/",
    "tests/property/",
    "tests/service/",
    "tests/contract/test_encoders.py",
    "tests/contract/test_hostile_files.py",
    "tests/pages/test_hostile_provider.py",
    "tests/pages/test_logs.py",
    "tests/pages/test_naming.py",
    "tests/pages/test_schema.py",
    "tests/pages/test_animation.py",
    "tests/pages/test_me.py",
    "tests/pages/test_one_reader.py",
    "tests/unit/test_account_memory.py",
    "tests/unit/test_growth.py",
    "tests/unit/test_questions_first.py",
    "tests/unit/test_source_lock.py",
)
"""Folders and files of `slow`, as `--durations` told them."""


ALONE = (
    "tests/faults/",
    "tests/effectiveness/test_relevance.py",
    "tests/effectiveness/test_search_sets.py",
    "packages/ldap/test_active_directory.py",
    "packages/ldap/test_quisait_ldap.py",
    "tests/service/test_late_writes.py",
    "tests/service/test_load.py",
    "packages/mediawiki/test_mediawiki_",
    "packages/mediawiki/test_quisait_mediawiki",
    "packages/mediawiki/test_wiki_groups",
    "tests/service/test_run.py",
    "tests/service/test_smb.py",
    "tests/service/test_source_faults.py",
)
"""Run in one process: they count points, take both cores, end in a stated time, or change a server
that others would read meanwhile."""


def refuse_where_fast(server: str) -> None:
    """Raises where a test that is not marked so asks for a server."""
    if os.environ.get(NO_SERVERS):
        raise AssertionError(
            f"{os.environ.get('PYTEST_CURRENT_TEST')} starts {server} and is not marked {server}: "
            "tests/needs.py does not see how."
        )


def starting(server: str) -> Callable[[], None]:
    """Called where a server is about to be started; what it returns, once the server answers.

    The seconds between are a line of the file that `START_TIMES` names. Raises as
    `refuse_where_fast` does.
    """
    refuse_where_fast(server)
    begun = time.monotonic()

    def answers() -> None:
        if told := os.environ.get(START_TIMES):
            with Path(told).open("a", encoding="utf-8") as opened:
                opened.write(f"{server} {time.monotonic() - begun:.1f}\n")

    return answers


def mark(items: Iterable[pytest.Item]) -> None:
    """Give each test the markers of what it needs."""
    for item in items:
        needed = sorted(needs(item))
        for name in needed:
            item.add_marker(name)
        if SERVERS.keys() & set(needed):
            item.add_marker(SERVER)
        if soak_part(item.nodeid, frozenset(needed)):
            item.add_marker(SOAK)
        # A property of the test in the report that `tests.run_all` reads.
        item.user_properties.append((NEEDS_PROPERTY, " ".join(needed)))


def parts_of(item: pytest.Item) -> set[str]:
    """Return the part of `make test` or of `make soak` that runs a test.

    A test that draws its examples is also in the part `drawn` of `make soak`, which draws anew.
    """
    needed = needs(item)
    left = soak_part(item.nodeid, frozenset(needed))
    if left:
        return {left}
    part = Part.ALONE if item.nodeid.startswith(ALONE) else Part.TOGETHER
    return {part, DRAWN} if is_hypothesis_test(getattr(item, "obj", None)) else {part}


def needs(item: pytest.Item) -> set[str]:
    """Names of `MARKERS`."""
    found = {SLOW} if item.nodeid.startswith(_SLOW) else set()
    if not isinstance(item, pytest.Function):
        return found
    callspec = getattr(item, "callspec", None)
    words = set(callspec.id.split("-")) if callspec else set()
    given = list(callspec.params.values()) if callspec else []
    for function in [item.function, *_fixtures(item), *given]:
        found |= servers_of(function)
    for server, chosen in _CHOSEN.items():
        if words & chosen:
            found.add(server)
        elif words & _INSTEAD.get(server, set()):
            found.discard(server)
    return found


def _fixtures(item: pytest.Function) -> Iterator[Any]:
    for definitions in item._fixtureinfo.name2fixturedefs.values():
        for definition in definitions:
            yield definition.func


@functools.cache
def _of_code(function: types.FunctionType) -> frozenset[str]:
    return frozenset(_walk(function, set()))


def servers_of(named: Any) -> frozenset[str]:
    """The servers that a function or class starts, itself or by what it names."""
    function = _plain(named)
    if isinstance(function, types.FunctionType):
        return _of_code(function)
    return frozenset(_walk(function, set()))


def _walk(named: Any, seen: set[int]) -> Iterator[str]:
    """The servers that a function or class starts, by whatever it names in `tests`."""
    named = _plain(named)
    if id(named) in seen or not isinstance(named, (types.FunctionType, type)):
        return
    seen.add(id(named))
    if server := _STARTS.get(f"{named.__module__}.{named.__qualname__}"):
        yield server
        return
    if not _is_ours(named):
        return
    if isinstance(named, type):
        for member in vars(named).values():
            yield from _walk(member, seen)
        return
    if not isinstance(named, types.FunctionType):
        return
    names = set(_names(named.__code__))
    yield from (_IMPORTS[name] for name in names & _IMPORTS.keys())
    for value in _values(named, names):
        yield from _walk(value, seen)


def _values(function: types.FunctionType, names: set[str]) -> Iterator[Any]:
    """Yield the values that a function names, and those that it names of modules of `tests`."""
    for name in _globals(function.__code__):
        value = function.__globals__.get(name)
        if isinstance(value, types.ModuleType) and value.__name__.startswith("tests"):
            yield from (getattr(value, inner, None) for inner in names)
        else:
            yield value


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


@functools.cache
def _globals(code: types.CodeType) -> frozenset[str]:
    """Return the names that are looked up in the module; an attribute may have one's name."""
    loaded = {one.argval for one in dis.get_instructions(code) if one.opname == "LOAD_GLOBAL"}
    inner = (one for one in code.co_consts if isinstance(one, types.CodeType))
    return frozenset(loaded.union(*map(_globals, inner)))


def _plain(named: Any) -> Any:
    """Without decorators, of a method its function, of a partial what it calls."""
    named = getattr(getattr(named, "hypothesis", None), "inner_test", named)
    if isinstance(named, functools.partial):
        named = named.func
    if isinstance(named, (staticmethod, classmethod)):
        named = named.__func__
    if isinstance(named, property):
        named = named.fget
    if inspect.ismethod(named):
        named = named.__func__
    try:
        return inspect.unwrap(named)
    except (ValueError, AttributeError):
        return named


def _is_ours(named: types.FunctionType | type) -> bool:
    top = (named.__module__ or "").partition(".")[0]
    return top in {"tests", "benchmarks"} or top.startswith("test_")
