"""The same documents and agents, built in SQL and by the reference."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.values import Agent
from evaluation.assignment import Assignment
from expertise.assignment import Labels
from expertise.build import build_from_files
from expertise.build_files import BuildFiles, BuildMeans
from expertise.build_input import (
    NotBuilt,
    label_documents,
    write_directory,
    write_documents,
    write_owners,
    write_topics,
)
from expertise.build_result import Build
from expertise.build_rules import BuildRules
from expertise.build_tables import BuildRecord
from expertise.corpus import SkippedItems
from expertise.topics import Topic
from expertise.visibility import may_be_shown
from indexer.values import IndexedDocument
from tests.planted import TODAY, Planted
from tests.reference_build import MemoryBuild, build_from, read_corpus, valid_agents


@dataclass(frozen=True)
class History:
    """The input of a build."""

    documents: Sequence[IndexedDocument]
    topics: Sequence[Topic]
    agents: Sequence[Agent]

    @classmethod
    def of(cls, planted: Planted) -> "History":
        return cls(planted.documents, planted.topics, list(planted.agents.values()))

    def by_account(self, accounts: Iterable[str]) -> Mapping[str, Agent]:
        owner = {account: one for one in self.agents for account in one.accounts}
        return {account: owner[account] for account in accounts if account in owner}

    def in_sql(self, rules: BuildRules, means: BuildMeans | None = None) -> Build:
        files, not_built = BuildFiles(means or BuildMeans()), NotBuilt()
        try:
            labels = Labels(self.topics)
            read = write_documents(files, self.documents, labels, rules, TODAY, not_built)
            label_documents(files, self.topics, None, read.spread)
            write_topics(files, self.topics)
            write_directory(files, self.agents, self.topics, not_built.skipped, TODAY)
            write_owners(files, self)
            return build_from_files(files, read, self.topics, rules, TODAY)
        except BaseException:
            files.close()
            raise

    def by_reference(self, rules: BuildRules) -> MemoryBuild:
        corpus = read_corpus(
            self.documents, Assignment(self.topics), rules.universal, TODAY, asking=rules.asking
        )
        shown = [one for one in self.agents if may_be_shown(one, TODAY)]
        people = valid_agents(shown, self.topics, SkippedItems(), TODAY)
        owners = self.by_account(corpus.accounts)
        return build_from(corpus, self.topics, people, owners, rules, TODAY)


def sql_records(
    history: History, rules: BuildRules, means: BuildMeans | None = None
) -> list[BuildRecord]:
    """Every record of the build in SQL, whose files are deleted."""
    with history.in_sql(rules, means) as build:
        return list(build.records())
