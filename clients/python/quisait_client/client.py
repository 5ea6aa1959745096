"""The calls of the API. Written by `make client`: change the API instead."""

from collections.abc import Sequence
from typing import Literal

from quisait_client import models
from quisait_client.transport import Transport


class Client(Transport):
    """A client of the API's public part, for one reader."""

    def search(self, *, page_size: int = 10, as_typed: bool = False, explain: bool = False, q: str = '', page: int = 1, sort: Literal["relevance", "date"] = 'relevance', wide: bool = False, verified: bool = False, source: Sequence[str] = (), kind: Sequence[str] = (), space: Sequence[str] = (), entity: Sequence[str] = (), area: Sequence[str] = (), year: Sequence[str] = ()) -> models.SearchBody:
        """Return documents that answer, each with its answering passage."""
        return self.ask("GET", "/api/v1/search", models.SearchBody, {"page_size": page_size, "as_typed": as_typed, "explain": explain, "q": q, "page": page, "sort": sort, "wide": wide, "verified": verified, "source": source, "kind": kind, "space": space, "entity": entity, "area": area, "year": year})

    def experts(self, *, area: str = '', limit: int = 10, explain: bool = False, q: str = '', as_typed: bool = False) -> models.ExpertsBody:
        """Rank agents who may know the answer, each with the documents that are the evidence."""
        return self.ask("GET", "/api/v1/experts", models.ExpertsBody, {"area": area, "limit": limit, "explain": explain, "q": q, "as_typed": as_typed})

    def suggest(self, *, q: str = '') -> models.SuggestionsBody:
        """Return titles, topics and people with a word that begins with the typed text."""
        return self.ask("GET", "/api/v1/suggest", models.SuggestionsBody, {"q": q})

    def topics(self) -> models.TopicsBody:
        """Return the organisation's list of topics, by label."""
        return self.ask("GET", "/api/v1/topics", models.TopicsBody)

    def isolation(self, *, area: str = '', topic: str = '', offset: int = 0, limit: int = 100) -> models.IsolationBody:
        """Return the only holders of a topic in an area; for a region, in the whole region."""
        return self.ask("GET", "/api/v1/isolation", models.IsolationBody, {"area": area, "topic": topic, "offset": offset, "limit": limit})

    def coverage(self, *, topic: str = '', area: str = '', offset: int = 0) -> models.CoverageBody:
        """Return the number of holders of a topic by area, or of each topic in an area."""
        return self.ask("GET", "/api/v1/coverage", models.CoverageBody, {"topic": topic, "area": area, "offset": offset})

    def topic(self, topic_id: str) -> models.TopicProfileBody:
        """Return holders by area and name, first documents, open questions, related topics."""
        return self.ask("GET", f"/api/v1/topics/{self.segment(topic_id)}", models.TopicProfileBody)

    def agent_peers(self, agent_id: str, *, offset: int = 0) -> models.PeersBody:
        """Return agents who share an agent's topics; only the agent themselves sees strengths."""
        return self.ask("GET", f"/api/v1/agents/{self.segment(agent_id)}/peers", models.PeersBody, {"offset": offset})

    def agent(self, agent_id: str) -> models.ProfileBody:
        """Return an agent's topics with evidence, skills, communities and peers."""
        return self.ask("GET", f"/api/v1/agents/{self.segment(agent_id)}", models.ProfileBody)

    def document(self, document_id: str, *, q: str = '') -> models.OpenedDocumentBody:
        """Return a document as its reader may read it now, with the words of a question marked."""
        return self.ask("GET", f"/api/v1/documents/{self.segment(document_id)}", models.OpenedDocumentBody, {"q": q})

    def questions(self) -> models.OwnQuestionsBody:
        """Return the questions put to the reader that await an answer, and those the reader asked."""
        return self.ask("GET", "/api/v1/questions", models.OwnQuestionsBody)

    def post_questions(self, body: models.NewQuestionRequest) -> models.AskedQuestionBody:
        """Ask experts, one after the other; nobody is told which agents are asked."""
        return self.ask("POST", "/api/v1/questions", models.AskedQuestionBody, body=body)

    def delete_questions(self) -> None:
        """Delete every question and answer of the reader."""
        return self.ask("DELETE", "/api/v1/questions", None)

    def questions_existing(self, *, q: str = '') -> models.ExistingAnswersBody:
        """Return documents that may already answer."""
        return self.ask("GET", "/api/v1/questions/existing", models.ExistingAnswersBody, {"q": q})

    def post_questions_existing(self, body: models.ExistingAnswerRequest) -> None:
        """Count that a document answers the question being written; no name is stored."""
        return self.ask("POST", "/api/v1/questions/existing", None, body=body)

    def questions_recipients(self, *, q: str = '', to: str = '', community: str = '', metier: str = '', scope: Literal["everybody", "community", "entity"] = 'everybody', scope_id: str = '') -> models.RecipientsBody:
        """Return the agents whom a question may be put to."""
        return self.ask("GET", "/api/v1/questions/recipients", models.RecipientsBody, {"q": q, "to": to, "community": community, "metier": metier, "scope": scope, "scope_id": scope_id})

    def post_questions_preferences(self, body: models.AskingPreferencesBody) -> None:
        """Set which questions the reader receives, and how many."""
        return self.ask("POST", "/api/v1/questions/preferences", None, body=body)

    def question(self, question_id: str) -> models.AskedQuestionBody:
        """Return a question with its answers."""
        return self.ask("GET", f"/api/v1/questions/{self.segment(question_id)}", models.AskedQuestionBody)

    def post_question(self, question_id: str, body: models.QuestionActionRequest) -> None:
        """Accept, decline, pass on, answer, correct, thank or delete, as far as the reader may."""
        return self.ask("POST", f"/api/v1/questions/{self.segment(question_id)}", None, body=body)

    def post_document_expected_questions(self, document_id: str, body: models.ExpectRequest) -> None:
        """Add a question that the document answers, confirm it, pin it or unpin it."""
        return self.ask("POST", f"/api/v1/documents/{self.segment(document_id)}/expected-questions", None, body=body)

    def delete_document_expected_questions(self, document_id: str, *, question: str) -> None:
        """Remove an expected question of a document: for its authors and animators."""
        return self.ask("DELETE", f"/api/v1/documents/{self.segment(document_id)}/expected-questions", None, {"question": question})

    def post_question_reports(self, question_id: str, body: models.TextReportRequest) -> None:
        """Report a question or an answer to its topic's animator, who does not see the reporter."""
        return self.ask("POST", f"/api/v1/questions/{self.segment(question_id)}/reports", None, body=body)

    def delete_question_reports(self, question_id: str, *, answer: str = '') -> None:
        """Take back the reader's report of a text, as long as nobody has decided on it."""
        return self.ask("DELETE", f"/api/v1/questions/{self.segment(question_id)}/reports", None, {"answer": answer})
