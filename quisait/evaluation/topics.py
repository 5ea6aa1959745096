"""The topics of a set's documents, by a list, as a build assigns them. Read `assigned_topics`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from expertise.assignment import Assignment, topic_vectors
from expertise.build import all_documents
from expertise.corpus import topics_in_row
from expertise.ports import TopicsOf
from expertise.topics import Topic
from quisait.evaluation.scratch import Scratch


@dataclass(frozen=True, slots=True)
class SetTopics:
    """An `AssignedTopics` of the documents of one set."""

    all: Mapping[str, Sequence[tuple[str, float]]]

    def topics_of(self, document_ids: Collection[str], today: date) -> TopicsOf:
        """Of the documents that have any; the day says nothing here."""
        return {one: self.all[one] for one in document_ids if one in self.all}


def assigned_topics(scratch: Scratch, topics: Sequence[Topic]) -> SetTopics:
    """Of every document, where a build takes those alone that every agent may read.

    Here each question has a few that are not for it, and nothing is asked of these.
    Raises `IndexUnreachable`.
    """
    assignment = Assignment(topics, topic_vectors(topics, scratch.encoder))
    ids = []
    for document in all_documents(scratch.index):
        assignment.add(document)
        ids.append(document.document.id)
    found, names = assignment.confidences(), [topic.id for topic in topics]
    return SetTopics({id_: topics_in_row(found, n, names) for n, id_ in enumerate(ids)})
