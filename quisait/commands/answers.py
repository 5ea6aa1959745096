"""Format answers for the command line: text for people, JSON bodies for programs."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from threadpoolctl import threadpool_limits

from connectors.geography import area_name
from connectors.values import Agent
from expertise.answer_values import BuildState, BuildStatus
from expertise.values import Candidate
from indexer.access import Reader
from quisait.application.assembly import Application, register_mismatch
from quisait.application.opening import Opening
from quisait.application.progress import duration, plural_count
from quisait.application.startup import opened_application
from quisait.clock import today
from quisait.privacy.register import RegisterMismatch
from quisait.work import questions
from quisait.work.crawl import CrawlOutcome
from quisait.work.source_status import (
    FAILURE_LABELS,
    NO_READERS_REMEDY,
    UNKNOWN_PRINCIPAL,
    FailureStatus,
    SourceStatus,
    run_text,
    soon,
)
from search_api.context import (
    AnswerContext,
    NoBuild,
    NotAllowed,
    RoleHolder,
    incomplete,
    open_by_role,
)
from search_api.engine import OF_A_PERSON
from search_api.identity.principals import Role
from search_api.ranking.direct_answer import quoted_from
from search_api.ranking.results import DirectAnswer, Result, Results, excerpt_span
from search_api.search.service import QuestionAnswer
from search_api.topics.service import is_shown
from search_api.wording import (
    ROLES,
    VOICES,
    contact,
    day,
    degree,
    month,
    of,
    place,
    place_label,
    plural,
    quote_label,
    reasons,
    recognised_text,
    safe_text,
)


def command_line_reader(application: Application, agent_id: str) -> Reader:
    """Return the named agent's reader, or the demo's. Raises `ValueError` if there is none."""
    server = application.settings.server
    chosen = agent_id or (server.demo_agent if server.reader == "demo" else "")
    reader = application.reader(chosen)
    if reader.agent_id is None:
        raise ValueError(_why_nobody_reads(application, chosen))
    return reader


def _why_nobody_reads(application: Application, agent_id: str) -> str:
    asked = "Dites qui lit : --agent IDENTIFIANT, celui d'un agent présent dans l'annuaire."
    if not agent_id:
        return asked
    if application.book.agent(agent_id) is None:
        return (
            f"« {safe_text(agent_id)} » n'est pas dans l'annuaire tel qu'il a été lu (« quisait "
            f"directory read » le relit). {asked}"
        )
    return (
        f"« {safe_text(agent_id)} » est parti, ou son accès a été retiré : il ne lit plus rien. "
        f"{asked}"
    )


def require_current(application: Application) -> None:
    """Raise `RegisterMismatch` if the database or the index does not belong to the register."""
    if mismatch := register_mismatch(application):
        raise RegisterMismatch(mismatch)


@contextmanager
def answer_context(application: Application) -> Iterator[AnswerContext]:
    """Yield the context for answers; a `NoBuild` in the block is raised as `ValueError`.

    In the block, matrix products use one thread, as in the server (`warm_up`). Raises
    `RegisterMismatch` if the database or the index may be an older copy, which could show agents
    and documents that were withdrawn since.
    """
    require_current(application)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield questions.answer_context(application)
    except NoBuild as error:
        raise ValueError(_no_build(error.build)) from error


@contextmanager
def opened_answers() -> Iterator[tuple[Application, AnswerContext]]:
    """Yield the application and its context for answers."""
    with opened_application(Opening.READ) as application, answer_context(application) as context:
        yield application, context


@contextmanager
def opened_for_animator(agent: str, command: str) -> Iterator[tuple[AnswerContext, RoleHolder]]:
    """Yield the context and role of a community manager, after noting the access in the audit log.

    Raises `ValueError` if the agent does not have this role.
    """
    with opened_answers() as (application, context):
        reader = command_line_reader(application, agent)
        try:
            holder = open_by_role(context, reader, Role.ANIMATOR, f"quisait {command}")
        except NotAllowed as error:
            message = f"{agent} n'a pas le rôle « animator » : voyez [[roles]]."
            raise ValueError(message) from error
        yield context, holder


def require_build(build: BuildStatus) -> None:
    """Raise `ValueError`, with the command to run, if there is no current build."""
    if not is_shown(build):
        raise ValueError(_no_build(build))


def tell_incomplete(reader: Reader) -> None:
    """Print to standard error which authorities did not answer: documents may be missing."""
    if authorities := incomplete(reader):
        print(
            f"Réponse partielle : {', '.join(authorities)} ne répond pas ; des documents que cet "
            "agent peut lire manquent peut-être.",
            file=sys.stderr,
        )


def _no_build(build: BuildStatus) -> str:
    if build.state is BuildState.TOO_OLD:
        return (
            f"La cartographie du {build.day} est trop ancienne : lancez « quisait expertise "
            "build »."
        )
    return "Aucune cartographie : réglez [topics] file, puis lancez « quisait expertise build »."


def results_body(found: QuestionAnswer) -> dict[str, Any]:
    """Return the API's body, with scores explained."""
    # Imported here: loading the API's models takes half a second, and text does not need them.
    from search_api.search.responses import search_answer

    return search_answer(found, today(), explain=True).model_dump(mode="json")


def experts_body(found: QuestionAnswer) -> dict[str, Any]:
    """Return the API's body."""
    from search_api.search.responses import experts_answer  # see above

    return experts_answer(found).model_dump(mode="json")


def results_text(found: QuestionAnswer) -> str:
    """Return one block per found document, after the correction of the query, if any."""
    results = found.results
    blocks = _wording(found)
    blocks += [f"{one.term} : {one.meaning} {one.text}".strip() for one in found.definitions]
    blocks += [lines] if (lines := "\n".join(_directory_lines(found))) else []
    if not results.results:
        return "\n\n".join([*blocks, "Aucun document."])
    blocks += [lines] if (lines := "\n".join(_direct_lines(found.direct))) else []
    blocks.append(_counted(results))
    first = (results.page - 1) * results.page_size + 1
    blocks += [
        _result(result, number, found.recognised.get(result.card.document_id))
        for number, result in enumerate(results.results, first)
    ]
    return "\n\n".join(blocks)


def _wording(found: QuestionAnswer) -> list[str]:
    """Return a line about the corrected query; none without a correction."""
    if found.correction is None:
        return []
    if found.instead:
        return [f"Aucun document ne contient ces mots ; réponse à : {found.correction.text}"]
    return [f"Vouliez-vous dire : {found.correction.text}"]


def _direct_lines(direct: DirectAnswer | None) -> Iterator[str]:
    """Yield the sentences of the direct answer, each quote with its document."""
    for number, quote in enumerate(direct.quotes if direct else ()):
        older = direct is not None and direct.differs and number > 0
        if older or not number:
            yield quote_label(quote.accepted, quote.card.title, older)
        yield f"   « {' '.join(quote.text.split())} »"
        yield f"   {quoted_from(quote)} ({quote.card.document_id})"


def _directory_lines(found: QuestionAnswer) -> Iterator[str]:
    """Yield the people, services and topics that the question names, one line each."""
    for card in found.people.cards:
        agent, way = card.candidate.agent, contact(card.candidate.agent)
        said = degree(card.candidate) if card.proposed else ""
        parts = (f"{agent.name} ({agent.id})", said, post(agent), way.words + way.address)
        yield " · ".join(part for part in parts if part)
    if found.people.beyond:
        yield plural("et {num} autre personne", "et {num} autres personnes", found.people.beyond)
    for service in found.people.matches.services:
        names = ", ".join(agent.name for agent in service.people)
        yield f"{service.name} ({area_name(service.departement)}) : {names}"
    if found.people.near_subject:
        names = ", ".join(card.candidate.agent.name for card in found.people.near_subject)
        yield f"Personne n'est connu avec certitude ; pourraient orienter : {names}"
    for topic in found.topics:
        yield f"Sujet : {topic.label} ({topic.id})"


def _counted(results: Results) -> str:
    counts = results.counts
    if results.few:
        return "Aucun document n'y répond à coup sûr. Ceux qui s'en approchent :"
    if counts is None:
        return (
            f"Documents d'une personne : ils ne se comptent pas, et {OF_A_PERSON} au plus sont "
            "présentés."
        )
    text = plural_count(counts.total, "document")
    if not results.answered:
        return f"{text}, proches de la question, peut-être sans y répondre :"
    if counts.worded < counts.total:
        more = "plus de " if counts.worded_more else ""
        text += f", dont {more}{counts.worded} avec des mots de la question"
    return text


def _result(result: Result, number: int, recognised: int | None) -> str:
    card = result.card
    by = ", ".join(author.name for author in result.authors)
    dated = day(card.modified or card.created)
    line = " · ".join(part for part in (card.kind, card.source, dated, by) if part)
    lines = [f"{number}. {card.title}", f"   {line}", f"   {card.document_id}"]
    lines += [
        f"   remplacé par : {successor.title} ({successor.document_id})"
        for successor in result.replaced_by
    ]
    lines += [f"   {recognised_text(recognised)}"] if recognised is not None else []
    lines += [f"   même texte : {copy.document_id}" for copy in result.copies]
    for number, (shown, voice) in enumerate(result.answering):
        passage = shown.passage
        byline = VOICES[voice.role].format(name=of(voice.name)) if voice else ""
        where = ", ".join(filter(None, (passage.heading, place(passage, card.url), byline)))
        if where:
            lines.append(f"   [{where}]")
        if number == 0:
            start, end = excerpt_span(passage.text, shown.highlights)
            lines.append(f"   {' '.join(passage.text[start:end].split())}")
    return "\n".join(lines)


def experts_text(found: QuestionAnswer) -> str:
    """Return the people of an answer: named, experts, known by the directory only, then near."""
    experts = found.experts
    lists = (
        ("Vous nommez", experts.named),
        ("", experts.candidates),
        ("D'après l'annuaire seul", experts.stated),
        ("Pourraient orienter", experts.near),
    )
    blocks = _wording(found)
    blocks += [] if experts.known else [_nobody(found)]
    if found.nobody_in:
        blocks.append(f"Personne n'est connu ici : {place_label(found.nobody_in)}.")
    if experts.left:
        blocks.append("Qui connaissait ce sujet ici a quitté le service.")
    for heading, candidates in lists:
        blocks += [f"{heading} :"] if heading and candidates else []
        blocks += [_candidate(candidate, n) for n, candidate in enumerate(candidates, 1)]
    return "\n\n".join(blocks)


def _nobody(found: QuestionAnswer) -> str:
    experts, topic = found.experts, found.nearest_topic
    known = "sûr" if experts.near else "connu"
    lines = [f"Personne de {known} sur ce sujet, parmi les documents que vous pouvez lire."]
    if experts.nearest_area:
        lines.append(f"Le plus près, quelqu'un est connu ici : {area_name(experts.nearest_area)}.")
    if topic:
        lines.append(f"Le sujet le plus proche : {topic.label} ({topic.id}).")
    lines += [f"   – document proche : {ranked.card.title}" for ranked in experts.nearest]
    return "\n".join(lines)


def _candidate(candidate: Candidate, number: int) -> str:
    agent, way = candidate.agent, contact(candidate.agent)
    said = f", {words}" if (words := degree(candidate)) else ""
    lines = [f"{number}. {agent.name} ({agent.id}){said}", f"   {post(agent)}"]
    if agent.arrival:
        lines[-1] += f", depuis {month(agent.arrival)}"
    if way.address:
        lines.append(f"   {way.words}{way.address}")
    if candidate.reasons:
        lines.append(f"   {reasons(candidate.reasons)}")
    for proof in candidate.evidence[:3]:
        roles = ", ".join(ROLES[role] for role in proof.roles)
        more = ", dans un poste précédent" if proof.former else ""
        more += ", y a répondu à cette question" if proof.asked_there else ""
        more += ", y a répondu à une question voisine" if proof.asked_near else ""
        more += ", y a écrit le passage qui répond" if proof.answers else ""
        lines.append(f"   – {proof.title} ({roles}, {day(proof.last) or 'sans date'}{more})")
    return "\n".join(lines)


def post(agent: Agent) -> str:
    """Return the agent's métier, entity and area."""
    area = area_name(agent.departement) if agent.departement else ""
    return " · ".join(part for part in (agent.metier, agent.entity, area) if part)


def crawl_line(outcome: CrawlOutcome) -> str:
    """Return the result of a source's crawl in one line."""
    if outcome.report is None:
        return f"{outcome.source} : ÉCHEC : {outcome.error}"
    report = outcome.report
    parts = [
        plural_count(report.put, "écrit"),
        plural_count(report.unchanged, "inchangé"),
        plural_count(report.access_changed, "droit changé"),
        plural_count(report.removed, "retiré"),
    ]
    if report.failed or report.malformed:
        parts.append(
            f"{report.failed + report.malformed} en échec (« quisait sources {outcome.source} »)"
        )
    if report.without_text:
        parts.append(f"{report.without_text} sans texte par nature, ou à reconnaître")
    line = f"{outcome.source} : {', '.join(parts)}"
    return line + (" ; reprise d'un passage interrompu" if report.resumed else "")


SHOWN_FAILURES = 100
"""Maximum number of failures named of one kind: a folder may contain 100 000 empty files."""


def _failure_lines(failures: Sequence[FailureStatus]) -> Iterator[str]:
    """Yield failures by kind, the smallest group first, so that a large group hides no other."""
    groups: dict[str, list[FailureStatus]] = defaultdict(list)
    for failure in failures:
        groups[failure.kind].append(failure)
    for kind, alike in sorted(groups.items(), key=lambda group: len(group[1])):
        yield f"  {FAILURE_LABELS.get(kind, kind)} ({len(alike)})"
        yield f"    → {alike[0].remedy}"
        for failure in sorted(alike, key=lambda one: one.reason)[:SHOWN_FAILURES]:
            yield f"    {failure.key} : {failure.reason}"
            yield f"      dans les journaux : reference={failure.reference}"
        if (more := len(alike) - SHOWN_FAILURES) > 0:
            yield f"    et {plural_count(more, 'autre')} : l’option --json les nomme tous"


def source_lines(status: SourceStatus, now: datetime, *, with_failures: bool) -> str:
    """Return the status of a source, and its failures with remedies if `with_failures`."""
    lines = [f"{status.source} : {plural_count(status.documents, 'document')}, {status.state}"]
    if next_run := soon(status.next_run, now):
        lines.append(f"  prochaine lecture {next_run}")
    if status.lag_s is not None:
        lines.append(f"  dernière lecture complète commencée il y a {duration(status.lag_s)}")
    if status.failure_counts:
        kinds = ", ".join(
            f"{FAILURE_LABELS.get(kind, kind)} : {count}"
            for kind, count in status.failure_counts.items()
        )
        lines.append(f"  {plural_count(len(status.failures), 'échec')} ({kinds})")
        if not with_failures:
            lines[-1] += f" ; voyez « quisait sources {status.source} »"
    if with_failures:
        lines += _failure_lines([one for one in status.failures if one.kind != UNKNOWN_PRINCIPAL])
    if with_failures and status.history:
        lines += ["  dernières lectures :", *(f"    {run_text(run)}" for run in status.history)]
    if status.without_text:
        kinds = ", ".join(
            f"{kind} : {count}" for kind, count in sorted(status.without_text.items())
        )
        lines.append(f"  non lus, sans texte par nature ({kinds})")
    return "\n".join([*lines, *_access_lines(status)])


def _access_lines(status: SourceStatus) -> Iterator[str]:
    """Yield documents without readers, and rules and denials that name unknown principals."""
    if status.without_readers:
        yield f"  {plural_count(status.without_readers, 'document')} que personne ne lit"
        yield f"    → {NO_READERS_REMEDY}"
    for rule in status.failures:
        if rule.kind == UNKNOWN_PRINCIPAL:
            yield f"  règle {rule.key} : {rule.reason}"
            yield f"    → {rule.remedy}"
    for denial in status.unknown_denials:
        yield f"  refus de « {denial.principal} », inconnu : {denial.closed}"
        yield f"    → {denial.remedy}"
