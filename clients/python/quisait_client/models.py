"""The values of the API. Written by `make client`."""

from __future__ import annotations

from typing import Annotated, Literal
from pydantic import AwareDatetime, BaseModel, Field, RootModel
from datetime import date


class AreaBody(BaseModel):
    code: Annotated[str, Field(title="Code")]
    """
    INSEE code, after `r` for a region; empty for other places
    """
    name: Annotated[str, Field(title="Name")]
    """
    name of the place
    """


class AskedReferenceBody(BaseModel):
    id: Annotated[str, Field(title="Id")]
    title: Annotated[str, Field(title="Title")]


class PerWeek(RootModel[int]):
    root: Annotated[int, Field(ge=0, le=20, title="Per Week")]
    """
    null: the limit of the settings
    """


class AskingPreferencesBody(BaseModel):
    receives: Annotated[bool | None, Field(title="Receives")] = True
    topics: Annotated[list[str] | None, Field(max_length=500, title="Topics")] = []
    """
    ids; none: every topic
    """
    per_week: Annotated[PerWeek | None, Field(title="Per Week")] = None
    """
    null: the limit of the settings
    """
    absent_until: Annotated[date | None, Field(title="Absent Until")] = None
    """
    the last day without questions
    """


class CandidatePartsBody(BaseModel):
    votes: Annotated[float, Field(title="Votes")]
    """
    the sum of their documents' votes, corrected by near documents
    """
    walk: Annotated[float, Field(title="Walk")]
    """
    the share of a walk from the question's documents to their authors
    """
    documents: Annotated[int, Field(title="Documents")]
    """
    number of documents listed as evidence
    """


class CopyBody(BaseModel):
    id: Annotated[str, Field(title="Id")]
    """
    the document's id, for `/documents/{document_id}`
    """
    title: Annotated[str, Field(title="Title")]
    """
    its title; may be empty
    """
    url: Annotated[str | None, Field(title="Url")]
    """
    at its source; null unless http or https
    """
    source: Annotated[str, Field(title="Source")]
    """
    name of its source
    """
    space: Annotated[str, Field(title="Space")]
    """
    community or folder there; may be empty
    """


class CountBody(BaseModel):
    agents: Annotated[int, Field(title="Agents")]
    more: Annotated[bool, Field(title="More")]
    """
    there are more; beyond ten nobody counts
    """


class DefinitionBody(BaseModel):
    term: Annotated[str, Field(title="Term")]
    """
    the expression, as in the glossary
    """
    meaning: Annotated[str, Field(title="Meaning")]
    """
    what an acronym stands for; empty for other expressions
    """
    definition: Annotated[str, Field(title="Definition")]
    """
    empty where there is none
    """
    others: Annotated[list[str], Field(title="Others")]
    """
    further equivalents
    """


class EvidenceBody(BaseModel):
    document_id: Annotated[str, Field(title="Document Id")]
    """
    the document's id
    """
    title: Annotated[str, Field(title="Title")]
    """
    its title
    """
    url: Annotated[str | None, Field(title="Url")]
    """
    at its source; null unless http or https
    """
    roles: Annotated[
        list[
            Literal[
                "author",
                "editor",
                "answerer",
                "accepted_answerer",
                "commenter",
                "reviewer",
                "asker",
                "uploader",
                "forwarder",
                "bot",
            ]
        ],
        Field(title="Roles"),
    ]
    """
    what the agent did there
    """
    first: Annotated[date | None, Field(title="First")]
    """
    day of their first contribution; null if unknown
    """
    last: Annotated[date | None, Field(title="Last")]
    """
    day of their last contribution; null if unknown
    """
    former: Annotated[bool, Field(title="Former")]
    """
    all of it is older than the present post
    """
    answers: Annotated[bool, Field(title="Answers")]
    """
    of several authors, they wrote the part that answers
    """
    asked_there: Annotated[bool | None, Field(title="Asked There")] = False
    """
    they answered there the question that is asked now
    """
    asked_near: Annotated[bool | None, Field(title="Asked Near")] = False
    """
    they answered there a question in nearly the same words
    """


class ExistingAnswerBody(BaseModel):
    document_id: Annotated[str, Field(title="Document Id")]
    title: Annotated[str, Field(title="Title")]
    kind: Annotated[str, Field(title="Kind")]
    address: Annotated[str, Field(title="Address")]
    """
    its page here
    """


class ExistingAnswerRequest(BaseModel):
    document_id: Annotated[str, Field(max_length=4000, title="Document Id")]


class ExistingAnswersBody(BaseModel):
    existing: Annotated[list[ExistingAnswerBody], Field(title="Existing")]
    topic_id: Annotated[str, Field(title="Topic Id")]
    """
    the topic that it names; empty for none
    """


class ExpansionBody(BaseModel):
    words: Annotated[str, Field(title="Words")]
    """
    words of the question
    """
    others: Annotated[list[str], Field(title="Others")]
    """
    what was searched beside them
    """


class ExpectRequest(BaseModel):
    question: Annotated[str, Field(max_length=200, min_length=4, title="Question")]
    act: Annotated[Literal["add", "confirm", "pin", "unpin"] | None, Field(title="Act")] = "add"
    """
    `pin`, `unpin`: for animators and administrators
    """
    text_hash: Annotated[str | None, Field(max_length=200, title="Text Hash")] = ""
    """
    for `confirm`: of the text you read
    """


class FacetBody(BaseModel):
    value: Annotated[str, Field(title="Value")]
    """
    value of the filter
    """
    label: Annotated[str, Field(title="Label")]
    """
    the same for people, in French
    """
    count: Annotated[int, Field(title="Count")]
    """
    number of documents
    """


class MetierBody(BaseModel):
    metier: Annotated[str, Field(title="Metier")]
    """
    in the directory's words
    """
    holders: Annotated[int, Field(title="Holders")]
    """
    agents in post who may be shown
    """


class NearestTopicBody(BaseModel):
    id: Annotated[str, Field(title="Id")]
    """
    the topic's id, for `/topics/{topic_id}`
    """
    label: Annotated[str, Field(title="Label")]
    """
    its name
    """


class Recipients(RootModel[list[str]]):
    root: Annotated[list[str], Field(max_length=20, title="Recipients")]
    """
    ids of the only agents to ask, of those who may be asked; null: all of them
    """


class OpenFiguresBody(BaseModel):
    asked: Annotated[int, Field(title="Asked")]
    answered: Annotated[int, Field(title="Answered")]
    """
    answered by another agent than the asker
    """
    median_s: Annotated[float | None, Field(title="Median S")]
    """
    seconds to the first such answer; null for none
    """
    found_again: Annotated[int, Field(title="Found Again")]
    """
    how often one of them answered a question being written
    """


class Highlight(RootModel[tuple[int, int]]):
    root: Annotated[tuple[int, int], Field(max_length=2, min_length=2)]


class ParagraphBody(BaseModel):
    text: Annotated[str, Field(title="Text")]
    highlights: Annotated[list[Highlight], Field(title="Highlights")]
    """
    [start, end[ character offsets in text
    """
    answers: Annotated[bool, Field(title="Answers")]
    """
    whether it answers the question
    """


class PartsBody(BaseModel):
    lexical: Annotated[float, Field(title="Lexical")]
    """
    by the words
    """
    lexical_rank: Annotated[int | None, Field(title="Lexical Rank")]
    """
    rank by the words
    """
    vector: Annotated[float, Field(title="Vector")]
    """
    by the meaning
    """
    vector_rank: Annotated[int | None, Field(title="Vector Rank")]
    """
    rank by the meaning
    """
    near_hits: Annotated[float, Field(title="Near Hits")]
    """
    what the scores of near documents added to its own, or subtracted from it
    """
    second_model: Annotated[float | None, Field(title="Second Model")] = None
    """
    the same of a second model that read it; null if none did
    """
    title: Annotated[float, Field(title="Title")]
    """
    what a title that says the question added
    """
    learned: Annotated[float, Field(title="Learned")]
    """
    what the ranker learned from the organisation's questions added or subtracted
    """
    answering: Annotated[float, Field(title="Answering")]
    """
    what its nearest passage and its share of the question's words added
    """
    topic: Annotated[float, Field(title="Topic")]
    """
    what the topic that it shares with the first document added
    """
    expected: Annotated[float, Field(title="Expected")]
    """
    what its nearest expected question added
    """


class PassedOnBody(BaseModel):
    reason: Annotated[str, Field(title="Reason")]
    on: Annotated[date | None, Field(title="On")]
    """
    null: the day was not kept
    """


class PostBody(BaseModel):
    metier: Annotated[str, Field(title="Metier")]
    """
    the métier, in the directory's words
    """
    entity: Annotated[str, Field(title="Entity")]
    """
    path with slashes
    """
    office: Annotated[str, Field(title="Office")]
    """
    town or office; may be empty
    """
    departement: AreaBody | None
    """
    null if the directory does not say
    """


class ProblemBody(BaseModel):
    type: Annotated[str, Field(title="Type")]
    """
    always `about:blank`: `code` tells problems apart
    """
    title: Annotated[str, Field(title="Title")]
    """
    a French sentence for people
    """
    status: Annotated[int, Field(title="Status")]
    """
    the status of the answer
    """
    code: Annotated[str, Field(title="Code")]
    """
    a word for programs
    """
    detail: Annotated[str | None, Field(title="Detail")] = None
    """
    a French sentence: what to do
    """


class QuestionActionRequest(BaseModel):
    action: Annotated[
        Literal[
            "accept",
            "decline",
            "retake",
            "transfer",
            "answer",
            "correct",
            "delete_answer",
            "confirm",
            "still_right",
            "edit",
            "helped",
            "thank",
            "lacks",
            "open",
            "delete",
        ],
        Field(title="QuestionAction"),
    ]
    """
    Action on a question by an agent who is asked, the asker, an answer's author, or a reader.
    """
    text: Annotated[str | None, Field(max_length=10000, title="Text")] = ""
    title: Annotated[str | None, Field(max_length=200, title="Title")] = ""
    answer: Annotated[str | None, Field(max_length=32, title="Answer")] = ""
    """
    an answer's id
    """
    valid_until: Annotated[date | None, Field(title="Valid Until")] = None
    """
    the last day on which an answer is right
    """
    digest: Annotated[str | None, Field(max_length=64, title="Digest")] = ""
    """
    to confirm: that of the text read
    """


class QuestionLoadBody(BaseModel):
    this_week: Annotated[int, Field(title="This Week")]
    per_week: Annotated[int, Field(title="Per Week")]


class ReferenceBody(BaseModel):
    id: Annotated[str, Field(title="Id")]
    """
    the document's id, for `/documents/{document_id}`
    """
    title: Annotated[str, Field(title="Title")]
    """
    its title; may be empty
    """
    url: Annotated[str | None, Field(title="Url")]
    """
    at its source; null unless http or https
    """


class ResultOrder(RootModel[Literal["relevance", "date"]]):
    root: Annotated[Literal["relevance", "date"], Field(title="ResultOrder")]
    """
    Order of results.

    The order by date is newest first, among documents with most of the words.
    """


class SkillBody(BaseModel):
    label: Annotated[str, Field(title="Label")]
    renew: Annotated[bool, Field(title="Renew")]
    """
    declared over a year ago, and no document shows it
    """


class TextReportRequest(BaseModel):
    reason: Annotated[str, Field(max_length=500, title="Reason")]
    answer: Annotated[str | None, Field(max_length=32, title="Answer")] = ""
    """
    an answer's id; empty: the question
    """
    outdated: Annotated[bool | None, Field(title="Outdated")] = False
    """
    an answer is only no longer right: its author reads the reason too
    """


class UnderstoodBody(BaseModel):
    said: Annotated[
        Literal[
            "author", "since", "before", "entity", "kind", "source", "space", "any_of", "words"
        ],
        Field(title="QueryPartKind"),
    ]
    """
    `words`: no readable document has this value, so it was searched as words
    """
    value: Annotated[str, Field(title="Value")]
    """
    a day as ISO 8601 for `since` (that day too) and `before`
    """
    without: Annotated[str | None, Field(title="Without")]
    """
    the question without it, or null
    """


class WaitingTopicBody(BaseModel):
    topic_id: Annotated[str, Field(title="Topic Id")]
    label: Annotated[str, Field(title="Label")]
    questions: Annotated[int, Field(title="Questions")]


class AgentBody(BaseModel):
    id: Annotated[str, Field(title="Id")]
    """
    the agent's id, for `/agents/{agent_id}`
    """
    name: Annotated[str, Field(title="Name")]
    """
    given name and family name
    """
    email: Annotated[str, Field(title="Email")]
    """
    the address that their entity wishes to be used, or empty
    """
    contact_via: Annotated[Literal["direct", "service", "head", "none"], Field(title="ContactVia")]
    """
    whose address that is: theirs, the service's…
    """
    post: PostBody
    """
    their present post
    """
    since: Annotated[date | None, Field(title="Since")]
    """
    arrival in the present post
    """


class AreaCountBody(BaseModel):
    area: AreaBody
    """
    code 22, r53, or empty for the whole country
    """
    holders: CountBody
    declared: CountBody
    """
    agents who only declare the skill: no holders
    """


class AuthorBody(BaseModel):
    name: Annotated[str, Field(title="Name")]
    """
    as the source or the directory shows it
    """
    role: Annotated[
        Literal[
            "author",
            "editor",
            "answerer",
            "accepted_answerer",
            "commenter",
            "reviewer",
            "asker",
            "uploader",
            "forwarder",
            "bot",
        ],
        Field(title="ContributorRole"),
    ]
    """
    what they did
    """
    agent_id: Annotated[str | None, Field(title="Agent Id")]
    """
    null if the directory does not know the account
    """
    post: PostBody | None
    """
    the present post; null if the author has left or is unknown
    """
    departed: Annotated[bool, Field(title="Departed")]
    """
    they have left the organisation
    """


class BriefQuestionBody(BaseModel):
    id: Annotated[str, Field(title="Id")]
    title: Annotated[str, Field(title="Title")]
    topic_id: Annotated[str, Field(title="Topic Id")]
    stage: Annotated[
        Literal["experts", "community", "animator", "answered"], Field(title="QuestionStage")
    ]
    """
    The agents whose turn it is to answer a question.
    """
    created: Annotated[AwareDatetime, Field(title="Created")]


class BuildBody(BaseModel):
    state: Annotated[Literal["shown", "none", "too_old"], Field(title="BuildState")]
    """
    without a build, or with one that is too old, nothing is shown
    """
    day: Annotated[date | None, Field(title="Day")]


class CandidateBody(BaseModel):
    agent: AgentBody
    """
    who
    """
    score: Annotated[float | None, Field(title="Score")] = None
    """
    with `explain`
    """
    parts: CandidatePartsBody | None = None
    """
    with `explain`
    """
    evidence: Annotated[list[EvidenceBody], Field(title="Evidence")]
    """
    documents that show it, and that the reader may read
    """
    degree: Literal["answered", "neighbour", "wrote", "near"] | None
    """
    `answered`: this question; `neighbour`: one in nearly the same words; `wrote`: on its subject; `near`: what they wrote only comes near and shows no expert; null: no evidence
    """
    sure: Annotated[bool, Field(title="Sure")]
    """
    whether `degree` is not `near`; false for all in `near`
    """
    reasons: Annotated[
        list[Literal["name", "metier", "place", "mission", "confirmed", "declared", "renew"]],
        Field(title="Reasons"),
    ]
    """
    parts of their directory entry in the question
    """
    last_active: Annotated[date | None, Field(title="Last Active")]
    """
    day of the latest evidence
    """


class ExpectedQuestionBody(BaseModel):
    question: Annotated[str, Field(title="Question")]
    origin: Annotated[
        Literal["source", "hand", "import", "confirmed", "model"], Field(title="QuestionOrigin")
    ]
    """
    `model`: a program proposed it
    """
    day: Annotated[date | None, Field(title="Day")]
    """
    when it was added; null if the source gives it
    """
    pinned: Annotated[bool, Field(title="Pinned")]
    """
    who types this question gets the document first
    """
    outdated: Annotated[bool, Field(title="Outdated")]
    """
    the text has changed since, and you may say if it still answers
    """


class ExpertsBody(BaseModel):
    candidates: Annotated[list[CandidateBody], Field(title="Candidates")]
    """
    their documents show that they know
    """
    near: Annotated[list[CandidateBody] | None, Field(title="Near", validate_default=True)] = []
    """
    their documents only come near: they may point the way, and are no experts
    """
    beyond: Annotated[int, Field(title="Beyond")]
    """
    people of these two lists that the limit leaves out
    """
    named: Annotated[list[CandidateBody], Field(title="Named")]
    """
    people whom the question names, or their post
    """
    nearly_named: Annotated[
        list[CandidateBody] | None, Field(title="Nearly Named", validate_default=True)
    ] = []
    """
    if it names nobody: people whose name is spelt nearly as in the question
    """
    stated: Annotated[list[CandidateBody], Field(title="Stated")]
    """
    by métier or skill alone, no evidence
    """
    nearest: Annotated[list[ReferenceBody], Field(title="Nearest")]
    """
    without candidates: the documents that come nearest
    """
    nearest_area: AreaBody | None
    """
    without anybody near: the nearest département where somebody is known
    """
    nobody_in: AreaBody | None = None
    """
    the place that the question names, if none of these people works there
    """
    somebody_left: Annotated[bool | None, Field(title="Somebody Left")] = False
    """
    nobody is known in that place, but an expert there has left
    """
    nearest_topic: NearestTopicBody | None = None
    """
    without candidates: the topic of the list that comes nearest
    """
    did_you_mean: Annotated[str | None, Field(title="Did You Mean")] = None
    """
    as in the answer of a search
    """
    instead: Annotated[bool | None, Field(title="Instead")] = False
    """
    as in the answer of a search
    """
    incomplete: Annotated[list[str] | None, Field(title="Incomplete")] = []
    """
    authorities that did not answer: evidence may be missing
    """


class FirstDocumentBody(BaseModel):
    id: Annotated[str, Field(title="Id")]
    """
    the document's id, for `/documents/{document_id}`
    """
    title: Annotated[str, Field(title="Title")]
    """
    its title; may be empty
    """
    url: Annotated[str | None, Field(title="Url")]
    """
    at its source; null unless http or https
    """
    why: Annotated[Literal["accepted", "title", "text"], Field(title="WhyFirst")]
    """
    Reason why a document is one of a topic's first documents.
    """
    holders: Annotated[list[str], Field(title="Holders")]


class GivenAnswerBody(BaseModel):
    id: Annotated[str, Field(title="Id")]
    text: Annotated[str, Field(title="Text")]
    """
    without Markdown
    """
    markdown: Annotated[str, Field(title="Markdown")]
    """
    of your own answer, to correct it; else empty
    """
    author: AgentBody | None
    """
    null for an author who may not be named
    """
    own: Annotated[bool, Field(title="Own")]
    created: Annotated[AwareDatetime, Field(title="Created")]
    corrected: Annotated[list[AwareDatetime], Field(title="Corrected")]
    """
    times; former texts are not kept
    """
    accepted: Annotated[bool, Field(title="Accepted")]
    """
    the asker says that it helped
    """
    thanked: Annotated[bool, Field(title="Thanked")]
    valid_until: Annotated[date | None, Field(title="Valid Until")]
    """
    the last day on which it is right; null: none
    """
    hidden: Annotated[str | None, Field(title="Hidden")]
    """
    why it is shown to you only; null: it is visible
    """
    outdated: Annotated[bool, Field(title="Outdated")]
    """
    a former text, corrected since, that a restored database brought back
    """
    digest: Annotated[str, Field(title="Digest")]
    """
    of your own former text, to confirm it; else empty
    """
    doubts: Annotated[list[str], Field(title="Doubts")]
    """
    what readers say is no longer right, of your own
    """
    closed_to_asker_ids: Annotated[list[str], Field(title="Closed To Asker Ids")]
    """
    ids of documents that your own answer links to and the asker may not read
    """


class HolderBody(BaseModel):
    agent: AgentBody
    basis: Annotated[
        Literal["demonstrated", "metier", "mission", "confirmed", "declared"], Field(title="Basis")
    ]
    """
    Reason why an agent has a topic. Agents who only declare a topic are not holders.
    """
    mission_since: Annotated[date | None, Field(title="Mission Since")]
    """
    first day of the agent's mission in force on the topic, by the directory
    """


class NewQuestionRequest(BaseModel):
    title: Annotated[str, Field(max_length=200, title="Title")]
    """
    the question, in one sentence
    """
    text: Annotated[str | None, Field(max_length=10000, title="Text")] = ""
    topic: Annotated[str | None, Field(max_length=200, title="Topic")] = ""
    """
    a topic's id
    """
    scope: Annotated[
        Literal["everybody", "community", "entity"] | None, Field(title="ReaderScope")
    ] = "everybody"
    """
    who may read it
    """
    scope_id: Annotated[str | None, Field(max_length=2000, title="Scope Id")] = ""
    """
    the topic of a community, or the path of an entity
    """
    hidden: Annotated[bool | None, Field(title="Hidden")] = False
    """
    your name is not shown before somebody accepts
    """
    to: Annotated[str | None, Field(max_length=200, title="To")] = ""
    """
    an agent's id: whom to ask first
    """
    community: Annotated[str | None, Field(max_length=200, title="Community")] = ""
    """
    a topic of the community to ask, instead of one by one
    """
    metier: Annotated[str | None, Field(max_length=200, title="Metier")] = ""
    """
    a métier of the list: its holders are asked, one by one
    """
    recipients: Annotated[Recipients | None, Field(title="Recipients")] = None
    """
    ids of the only agents to ask, of those who may be asked; null: all of them
    """


class PartBody(BaseModel):
    heading: Annotated[str, Field(title="Heading")]
    """
    empty if it is that of the previous part
    """
    place: Annotated[str, Field(title="Place")]
    """
    `page 3`, `diapositive 3`, or empty
    """
    path: Annotated[str, Field(title="Path")]
    """
    the attachment's path inside the document, or empty
    """
    author: AuthorBody | None
    """
    in a conversation, the author of the part
    """
    paragraphs: Annotated[list[ParagraphBody], Field(title="Paragraphs")]


class PassageBody(BaseModel):
    text: Annotated[str, Field(title="Text")]
    """
    its text
    """
    heading: Annotated[str, Field(title="Heading")]
    """
    title of its chapter; may be empty
    """
    page: Annotated[int | None, Field(title="Page")]
    """
    page or slide, from 1
    """
    path: Annotated[str, Field(title="Path")]
    """
    the attachment's path inside the document, or empty
    """
    highlights: Annotated[list[Highlight], Field(title="Highlights")]
    """
    [start, end[ character offsets in text
    """
    excerpt: Annotated[tuple[int, int], Field(title="Excerpt")]
    """
    [start, end[ of the sentences that best match the question
    """
    author: AuthorBody | None
    """
    in a conversation, the author of the passage, in their role
    """


class PersonBody(BaseModel):
    agent: AgentBody
    """
    who
    """
    reason: Annotated[
        Literal["named", "in_post", "nearest_post", "knows", "near_subject", "metier"],
        Field(title="CardReason"),
    ]
    """
    `named`: the question names them; `in_post`, `nearest_post`: they hold the métier in the requested area, or nearest to it; `knows`: by what they wrote; `metier`; `near_subject`: their documents only come near, in the list `near_subject` alone
    """
    degree: Literal["answered", "neighbour", "wrote", "near"] | None = None
    """
    as in a candidate
    """
    distance_km: Annotated[float | None, Field(title="Distance Km")]
    """
    from the place that the question names, else from the reader's post; null if unknown
    """
    wrote: Annotated[bool, Field(title="Wrote")]
    """
    they wrote the first sentences of the direct answer
    """
    evidence: Annotated[list[EvidenceBody], Field(title="Evidence")]
    """
    documents that show it, and that the reader may read
    """


class QuestionOfYouBody(BaseModel):
    id: Annotated[str, Field(title="Id")]
    title: Annotated[str, Field(title="Title")]
    topic_id: Annotated[str, Field(title="Topic Id")]
    stage: Annotated[
        Literal["experts", "community", "animator", "answered"], Field(title="QuestionStage")
    ]
    """
    The agents whose turn it is to answer a question.
    """
    created: Annotated[AwareDatetime, Field(title="Created")]
    state: Annotated[
        Literal["waiting", "accepted", "declined", "passed_on", "expired", "answered"],
        Field(title="RequestState"),
    ]
    """
    State of a question's request to one agent.
    """
    until: Annotated[AwareDatetime, Field(title="Until")]
    """
    then it goes to the next recipient, or to all readers
    """


class QuoteBody(BaseModel):
    text: Annotated[str, Field(title="Text")]
    """
    whole sentences, as they stand in the document
    """
    document: ReferenceBody
    """
    the document that says so
    """
    section: Annotated[str, Field(title="Section")]
    """
    heading of the passage, or empty
    """
    author: AuthorBody
    """
    who wrote it
    """
    accepted: Annotated[bool, Field(title="Accepted")]
    """
    of an accepted answer; else of a document in force
    """
    dated: Annotated[AwareDatetime | None, Field(title="Dated")]
    """
    when it was written; null if unknown
    """


class RecipientsBody(BaseModel):
    recipients: Annotated[list[AgentBody], Field(title="Recipients")]


class ServiceBody(BaseModel):
    name: Annotated[str, Field(title="Name")]
    """
    its name
    """
    entity: Annotated[str, Field(title="Entity")]
    """
    path with slashes
    """
    office: Annotated[str, Field(title="Office")]
    """
    town or office; may be empty
    """
    departement: AreaBody | None
    """
    null if the directory does not say
    """
    people: Annotated[list[AgentBody], Field(title="People")]
    """
    its agents who may be shown
    """


class SuggestionBody(BaseModel):
    document_id: Annotated[str, Field(title="Document Id")]
    """
    of a title; empty for the others
    """
    title: Annotated[str, Field(title="Title")]
    kind: Annotated[Literal["title", "topic", "person"], Field(title="SuggestionKind")]
    """
    Kind of suggestion.
    """
    address: Annotated[str, Field(title="Address")]
    """
    the page of this site that it leads to
    """
    past: Annotated[bool, Field(title="Past")]
    """
    of a title: not in force any more, or replaced
    """


class SuggestionsBody(BaseModel):
    suggestions: Annotated[list[SuggestionBody], Field(title="Suggestions")]


class TopicBody(BaseModel):
    id: Annotated[str, Field(title="Id")]
    label: Annotated[str, Field(title="Label")]
    kind: Annotated[Literal["topic", "métier"], Field(title="TopicKind")]
    """
    A professional subject, or a métier.
    """


class TopicCountBody(BaseModel):
    topic: TopicBody
    holders: CountBody
    declared: CountBody
    open_questions: Annotated[int, Field(title="Open Questions")]
    risks: Annotated[list[str], Field(title="Risks")]
    """
    left, nobody, open_questions
    """


class TopicProfileBody(BaseModel):
    build: BuildBody
    topic: TopicBody
    alt_labels: Annotated[list[str], Field(title="Alt Labels")]
    holders: Annotated[list[HolderBody], Field(title="Holders")]
    areas: Annotated[list[AreaCountBody], Field(title="Areas")]
    definition: Annotated[str, Field(title="Definition")]
    """
    from the list of topics; may be empty
    """
    documents: Annotated[list[FirstDocumentBody], Field(title="Documents")]
    questions: Annotated[list[ReferenceBody], Field(title="Questions")]
    asked: Annotated[list[AskedReferenceBody], Field(title="Asked")]
    """
    unanswered questions asked here
    """
    nowhere: Annotated[list[AreaBody], Field(title="Nowhere")]
    """
    regions without a holder
    """
    community: Annotated[bool, Field(title="Community")]
    """
    it has a community: `/api/v1/communities/{id}`
    """
    broader: Annotated[list[TopicBody], Field(title="Broader")]
    narrower: Annotated[list[TopicBody], Field(title="Narrower")]
    related: Annotated[list[TopicBody], Field(title="Related")]


class TopicsBody(BaseModel):
    build: BuildBody
    topics: Annotated[list[TopicBody], Field(title="Topics")]


class UnclaimedBody(BaseModel):
    topics: Annotated[list[TopicBody], Field(title="Topics")]
    of: Annotated[int, Field(title="Of")]
    """
    number of requested topics
    """
    share: Annotated[float, Field(title="Share")]
    """
    largest share of a topic's people that is seen, from 0 to 1
    """


class VerificationBody(BaseModel):
    day: Annotated[date, Field(title="Day")]
    """
    when they said it
    """
    right: Annotated[bool, Field(title="Right")]
    """
    false: `note` says what is no longer right
    """
    note: Annotated[str, Field(title="Note")]
    """
    what is no longer right, in their words; may be empty
    """
    agent: AgentBody | None
    """
    null for an author who may not be named
    """


class AloneBody(BaseModel):
    topic: TopicBody
    agent: AgentBody
    basis: Annotated[
        Literal["demonstrated", "metier", "mission", "confirmed", "declared"], Field(title="Basis")
    ]
    """
    Reason why an agent has a topic. Agents who only declare a topic are not holders.
    """
    mission_since: Annotated[date | None, Field(title="Mission Since")]
    """
    first day of the agent's mission in force on the topic, by the directory
    """
    scope: Annotated[Literal["", "departement", "region", "country"], Field(title="IsolationScope")]
    """
    the widest area in which nobody else is known
    """
    degree: Annotated[Literal["known", "metier", "mission"], Field(title="AloneDegree")]
    """
    `known`: documents and directory show nobody else here; `metier`: nobody else of the directory has the métier; `mission`: nobody else of the directory is on a mission for the topic
    """
    share: Annotated[float, Field(title="Share")]
    """
    estimated share, from 0 to 1, of the topic's people that are seen here
    """
    next: AgentBody | None
    """
    the nearest other holder
    """
    distance_km: Annotated[int | None, Field(title="Distance Km")]
    """
    between the centroids of their départements
    """


class AskedQuestionBody(BaseModel):
    id: Annotated[str, Field(title="Id")]
    title: Annotated[str, Field(title="Title")]
    topic_id: Annotated[str, Field(title="Topic Id")]
    stage: Annotated[
        Literal["experts", "community", "animator", "answered"], Field(title="QuestionStage")
    ]
    """
    The agents whose turn it is to answer a question.
    """
    created: Annotated[AwareDatetime, Field(title="Created")]
    text: Annotated[str, Field(title="Text")]
    """
    without Markdown
    """
    markdown: Annotated[str, Field(title="Markdown")]
    """
    of your own question, to correct it; else empty
    """
    scope: Annotated[Literal["everybody", "community", "entity"], Field(title="ReaderScope")]
    """
    Agents who may read a question. The asker chooses the scope, and nothing widens it.

    `COMMUNITY`: its members on the day of asking who have not left it since.
    """
    scope_id: Annotated[str, Field(title="Scope Id")]
    asker: AgentBody | None
    """
    null while they are not named
    """
    own: Annotated[bool, Field(title="Own")]
    state: Literal["waiting", "accepted", "declined", "passed_on", "expired", "answered"] | None
    """
    of your own request; null: you are not asked
    """
    accepted_by: AgentBody | None
    """
    the agent who accepted; shown to the asker only
    """
    passed_on: Annotated[list[PassedOnBody], Field(title="Passed On")]
    """
    why agents passed it on, without names; shown to the asker only
    """
    recipients: Annotated[int, Field(title="Recipients")]
    """
    how many agents may be asked, one after the other; 0 if nobody was asked, and for all but the asker
    """
    may_open: Annotated[bool, Field(title="May Open")]
    """
    you may end the wait for one agent or community: «open»; false for all but the asker
    """
    missing: Annotated[str, Field(title="Missing")]
    """
    what the asker says the answers lack
    """
    corrected: Annotated[list[AwareDatetime], Field(title="Corrected")]
    """
    times; former texts are not kept
    """
    hidden: Annotated[str | None, Field(title="Hidden")]
    """
    why it is shown to you only; null: it is visible
    """
    outdated: Annotated[bool, Field(title="Outdated")]
    """
    a former text, corrected since, that a restored database brought back
    """
    digest: Annotated[str, Field(title="Digest")]
    """
    of your own former text, to confirm it; else empty
    """
    answers: Annotated[list[GivenAnswerBody], Field(title="Answers")]


class CommunityBody(BaseModel):
    topics: Annotated[list[TopicBody], Field(title="Topics")]
    members: Annotated[list[AgentBody], Field(title="Members")]
    proposed: Annotated[bool, Field(title="Proposed")]


class CoverageBody(BaseModel):
    build: BuildBody
    topic: TopicBody | None
    area: AreaBody
    areas: Annotated[list[AreaCountBody], Field(title="Areas")]
    topics: Annotated[list[TopicCountBody], Field(title="Topics")]
    following: Annotated[int | None, Field(title="Following")]
    """
    `offset` of the next page of topics
    """


class DirectAnswerBody(BaseModel):
    text: Annotated[str, Field(title="Text")]
    """
    whole sentences, as they stand in the document
    """
    document: ReferenceBody
    """
    the document that says so
    """
    section: Annotated[str, Field(title="Section")]
    """
    heading of the passage, or empty
    """
    author: AuthorBody
    """
    who wrote it
    """
    accepted: Annotated[bool, Field(title="Accepted")]
    """
    of an accepted answer; else of a document in force
    """
    dated: Annotated[AwareDatetime | None, Field(title="Dated")]
    """
    when it was written; null if unknown
    """
    quotes: Annotated[list[QuoteBody], Field(title="Quotes")]
    """
    the first one, then what others add
    """
    differs: Annotated[bool, Field(title="Differs")]
    """
    the second quote is of an older document and says otherwise than the first
    """


class DocumentBody(BaseModel):
    id: Annotated[str, Field(title="Id")]
    """
    its id, for `/documents/{document_id}`
    """
    title: Annotated[str, Field(title="Title")]
    """
    its title; may be empty
    """
    url: Annotated[str | None, Field(title="Url")]
    """
    at its source; http or https only
    """
    kind: Annotated[str, Field(title="Kind")]
    """
    kind of document, as its source names it: the value of the `kind` filter
    """
    source: Annotated[str, Field(title="Source")]
    """
    name of its source
    """
    space: Annotated[str, Field(title="Space")]
    """
    community or folder there; may be empty
    """
    entity: Annotated[str, Field(title="Entity")]
    """
    service that it belongs to, a path with slashes; may be empty
    """
    area: AreaBody | None
    """
    département that it is about; null if none
    """
    language: Annotated[str, Field(title="Language")]
    """
    code of ISO 639-1
    """
    created: Annotated[AwareDatetime | None, Field(title="Created")]
    """
    null if the source does not say
    """
    modified: Annotated[AwareDatetime | None, Field(title="Modified")]
    """
    null if the source does not say
    """
    valid_from: Annotated[str | None, Field(title="Valid From")]
    """
    the first day on which it is in force; null if the source does not say
    """
    valid_until: Annotated[str | None, Field(title="Valid Until")]
    """
    the last day on which it is in force
    """
    valid: Annotated[bool, Field(title="Valid")]
    """
    whether it is in force today
    """
    replaces: Annotated[list[ReferenceBody], Field(title="Replaces")]
    """
    documents that it replaces, and that the reader may read
    """
    replaced_by: Annotated[list[ReferenceBody], Field(title="Replaced By")]
    """
    in force, and readable too
    """
    part_of: ReferenceBody | None
    """
    the document that it is attached to; null if none
    """
    copies: Annotated[list[CopyBody], Field(title="Copies")]
    """
    other places of nearly the same text, at most 50
    """
    authors: Annotated[list[AuthorBody], Field(title="Authors")]
    """
    writers before commenters
    """
    ask_instead: Annotated[list[AgentBody], Field(title="Ask Instead")]
    """
    agents to ask if no author is in post and may be named
    """
    verified: VerificationBody | None = None
    """
    an author's statement on its present text; null: none
    """
    recognised: Annotated[int | None, Field(title="Recognised")] = None
    """
    confidence, from 0 to 100, with which its text was recognised on a scan; null: it is no scan
    """
    page: Annotated[str, Field(title="Page")]
    """
    path of its page on this site, at what answers the question
    """
    passage: PassageBody | None
    """
    the passage that answers; null if there is no text
    """
    other_passages: Annotated[list[PassageBody], Field(title="Other Passages")]
    """
    other passages with its words
    """
    matched_question: Annotated[str | None, Field(title="Matched Question")] = None
    """
    its expected question that is near the question; null if none is
    """
    score: Annotated[float | None, Field(title="Score")] = None
    """
    with explain=true
    """
    parts: PartsBody | None = None
    """
    with explain=true
    """
    effects: Annotated[
        list[
            Literal["pinned", "recent", "trusted", "distrusted", "expired", "replaced", "succeeds"]
        ]
        | None,
        Field(title="Effects"),
    ] = []
    """
    what else changed its rank, with explain=true
    """
    why: Annotated[list[str] | None, Field(title="Why")] = []
    """
    the same in French sentences, with explain=true
    """
    kind_label: Annotated[str, Field(title="Kind Label")]
    """
    `kind` for people, in French
    """


class IsolationBody(BaseModel):
    build: BuildBody
    rows: Annotated[list[AloneBody], Field(title="Rows")]
    unclaimed: UnclaimedBody
    following: Annotated[int | None, Field(title="Following")]
    """
    `offset` of the next page
    """


class OpenedDocumentBody(BaseModel):
    id: Annotated[str, Field(title="Id")]
    """
    its id, for `/documents/{document_id}`
    """
    title: Annotated[str, Field(title="Title")]
    """
    its title; may be empty
    """
    url: Annotated[str | None, Field(title="Url")]
    """
    at its source; http or https only
    """
    kind: Annotated[str, Field(title="Kind")]
    """
    kind of document, as its source names it: the value of the `kind` filter
    """
    source: Annotated[str, Field(title="Source")]
    """
    name of its source
    """
    space: Annotated[str, Field(title="Space")]
    """
    community or folder there; may be empty
    """
    entity: Annotated[str, Field(title="Entity")]
    """
    service that it belongs to, a path with slashes; may be empty
    """
    area: AreaBody | None
    """
    département that it is about; null if none
    """
    language: Annotated[str, Field(title="Language")]
    """
    code of ISO 639-1
    """
    created: Annotated[AwareDatetime | None, Field(title="Created")]
    """
    null if the source does not say
    """
    modified: Annotated[AwareDatetime | None, Field(title="Modified")]
    """
    null if the source does not say
    """
    valid_from: Annotated[str | None, Field(title="Valid From")]
    """
    the first day on which it is in force; null if the source does not say
    """
    valid_until: Annotated[str | None, Field(title="Valid Until")]
    """
    the last day on which it is in force
    """
    valid: Annotated[bool, Field(title="Valid")]
    """
    whether it is in force today
    """
    replaces: Annotated[list[ReferenceBody], Field(title="Replaces")]
    """
    documents that it replaces, and that the reader may read
    """
    replaced_by: Annotated[list[ReferenceBody], Field(title="Replaced By")]
    """
    in force, and readable too
    """
    part_of: ReferenceBody | None
    """
    the document that it is attached to; null if none
    """
    copies: Annotated[list[CopyBody], Field(title="Copies")]
    """
    other places of nearly the same text, at most 50
    """
    authors: Annotated[list[AuthorBody], Field(title="Authors")]
    """
    writers before commenters
    """
    ask_instead: Annotated[list[AgentBody], Field(title="Ask Instead")]
    """
    agents to ask if no author is in post and may be named
    """
    verified: VerificationBody | None = None
    """
    an author's statement on its present text; null: none
    """
    recognised: Annotated[int | None, Field(title="Recognised")] = None
    """
    confidence, from 0 to 100, with which its text was recognised on a scan; null: it is no scan
    """
    original: Annotated[str | None, Field(title="Original")]
    """
    path of the file on this site, or `url`
    """
    conversation: Annotated[bool, Field(title="Conversation")]
    parts: Annotated[list[PartBody], Field(title="Parts")]
    candidates: Annotated[list[CandidateBody], Field(title="Candidates")]
    """
    agents who may know about it, at most 3
    """
    expected_questions: Annotated[list[ExpectedQuestionBody], Field(title="Expected Questions")]
    """
    what agents ask that it answers, in their own words
    """
    incomplete: Annotated[list[str], Field(title="Incomplete")]
    """
    authorities that did not answer
    """
    kind_label: Annotated[str, Field(title="Kind Label")]
    """
    `kind` for people, in French
    """


class OwnQuestionsBody(BaseModel):
    waiting: Annotated[list[QuestionOfYouBody], Field(title="Waiting")]
    """
    asked of you
    """
    of_communities: Annotated[list[BriefQuestionBody], Field(title="Of Communities")]
    animated: Annotated[list[BriefQuestionBody], Field(title="Animated")]
    """
    without answer, on what you animate
    """
    mine: Annotated[list[BriefQuestionBody], Field(title="Mine")]
    answered: Annotated[list[BriefQuestionBody], Field(title="Answered")]
    """
    yours, with an answer to which you have not reacted yet
    """
    answered_before: Annotated[int, Field(title="Answered Before")]
    """
    how often, in a year and for all agents, a document answered a question that was being written
    """
    figures: OpenFiguresBody
    load: QuestionLoadBody
    waiting_topics: Annotated[list[WaitingTopicBody], Field(title="Waiting Topics")]
    """
    topics whose questions no agent in particular is asked any more
    """
    open_on_topics: Annotated[list[BriefQuestionBody], Field(title="Open On Topics")]
    """
    questions of others that wait for an answer, on your topics; newest first
    """
    open_nearby: Annotated[list[BriefQuestionBody], Field(title="Open Nearby")]
    """
    the same, by askers of your area
    """
    open_elsewhere: Annotated[list[BriefQuestionBody], Field(title="Open Elsewhere")]
    """
    the newest of the others
    """
    more: Annotated[bool, Field(title="More")]
    """
    `of_communities` or `animated` is cut after the oldest
    """


class OwnTopicBody(BaseModel):
    topic: TopicBody
    basis: Annotated[
        Literal["demonstrated", "metier", "mission", "confirmed", "declared"], Field(title="Basis")
    ]
    """
    Reason why an agent has a topic. Agents who only declare a topic are not holders.
    """
    mission_since: Annotated[date | None, Field(title="Mission Since")]
    """
    first day of the agent's mission in force on the topic, by the directory
    """
    strength: Annotated[float | None, Field(title="Strength")]
    """
    shown to the agent only; null for others
    """
    evidence: Annotated[list[EvidenceBody], Field(title="Evidence")]
    """
    documents that the reader may read, newest first
    """


class PeerBody(BaseModel):
    agent: AgentBody
    topics: Annotated[list[TopicBody], Field(title="Topics")]
    declares: Annotated[list[TopicBody], Field(title="Declares")]
    """
    common topics that they only declare
    """
    distance_km: Annotated[int | None, Field(title="Distance Km")]


class PeersBody(BaseModel):
    build: BuildBody
    agent: AgentBody
    topics: Annotated[list[OwnTopicBody], Field(title="Topics")]
    peers: Annotated[list[PeerBody], Field(title="Peers")]
    communities: Annotated[list[CommunityBody], Field(title="Communities")]
    following: Annotated[int | None, Field(title="Following")]
    """
    `offset` of the next peers
    """


class ProfileBody(BaseModel):
    build: BuildBody
    """
    topics, peers and communities come from it
    """
    agent: AgentBody
    metier: OwnTopicBody | None
    """
    the métier, if it is a topic of the list
    """
    by_metier: Annotated[list[OwnTopicBody], Field(title="By Metier")]
    """
    topics that the métier is about
    """
    by_mission: Annotated[list[OwnTopicBody], Field(title="By Mission")]
    """
    topics of missions in force
    """
    demonstrated: Annotated[list[OwnTopicBody], Field(title="Demonstrated")]
    """
    by label; evidence newest first
    """
    confirmed: Annotated[list[SkillBody], Field(title="Confirmed")]
    """
    skills that somebody else confirmed
    """
    declared: Annotated[list[SkillBody], Field(title="Declared")]
    """
    skills that the agent declared
    """
    peers: Annotated[list[PeerBody], Field(title="Peers")]
    communities: Annotated[list[CommunityBody], Field(title="Communities")]


class SearchBody(BaseModel):
    total: Annotated[int | None, Field(title="Total")]
    """
    size of the result set: every document, copies too; null where the question is narrowed to a person (`auteur:`), whose contributions are shown and never counted
    """
    worded: Annotated[int | None, Field(title="Worded")]
    """
    how many of the total have words of the question; others are near in meaning; null if the total is null
    """
    worded_more: Annotated[bool | None, Field(title="Worded More")]
    """
    there are more of these than were counted; null if the total is null
    """
    reachable: Annotated[int | None, Field(title="Reachable")]
    """
    how many results the pages can show, where copies are one result; null if the total is null: then it is 30 at most
    """
    more: Annotated[bool, Field(title="More")]
    """
    another page follows
    """
    wider: Annotated[bool | None, Field(title="Wider")] = False
    """
    documents that are only near were left out: `wide` shows them
    """
    page: Annotated[int, Field(title="Page")]
    """
    number of this page, from 1
    """
    page_size: Annotated[int, Field(title="Page Size")]
    """
    maximum number of documents on a page
    """
    documents: Annotated[list[DocumentBody], Field(title="Documents")]
    """
    documents that answer, best first
    """
    answered: Annotated[bool | None, Field(title="Answered")] = True
    """
    false if no document is sure to answer: `documents` only come near. If none comes near enough, they are the few nearest, and the total is 0
    """
    facets: Annotated[dict[str, list[FacetBody]], Field(title="Facets")]
    """
    empty if the total is null
    """
    understood: Annotated[
        list[UnderstoodBody] | None, Field(title="Understood", validate_default=True)
    ] = []
    """
    parts of the question that were read as more than words
    """
    expansions: Annotated[
        list[ExpansionBody] | None, Field(title="Expansions", validate_default=True)
    ] = []
    """
    words that the glossary added
    """
    definitions: Annotated[
        list[DefinitionBody] | None, Field(title="Definitions", validate_default=True)
    ] = []
    """
    of the acronym or expression that the question asks about; first page
    """
    people: Annotated[list[PersonBody] | None, Field(title="People", validate_default=True)] = []
    """
    people whom the question names, and experts
    """
    near_subject: Annotated[
        list[PersonBody] | None, Field(title="Near Subject", validate_default=True)
    ] = []
    """
    if `people` is empty: people whose documents only come near; no experts
    """
    people_beyond: Annotated[int | None, Field(title="People Beyond")] = 0
    """
    number of further people whom it names
    """
    nobody_in: AreaBody | None = None
    """
    the place that the question names, if none of `people` works there
    """
    somebody_left: Annotated[bool | None, Field(title="Somebody Left")] = False
    """
    nobody is known in that place, but an expert there has left
    """
    services: Annotated[
        list[ServiceBody] | None, Field(title="Services", validate_default=True)
    ] = []
    """
    services that the question names
    """
    metiers: Annotated[list[MetierBody] | None, Field(title="Metiers", validate_default=True)] = []
    """
    métiers that the question names
    """
    topics: Annotated[
        list[NearestTopicBody] | None, Field(title="Topics", validate_default=True)
    ] = []
    """
    topics that the question names
    """
    shortened: Annotated[bool, Field(title="Shortened")]
    """
    the question was longer than what is read
    """
    incomplete: Annotated[list[str], Field(title="Incomplete")]
    """
    authorities that did not answer: documents may be missing
    """
    direct_answer: DirectAnswerBody | None = None
    """
    if one is sure; on the first page
    """
    did_you_mean: Annotated[str | None, Field(title="Did You Mean")] = None
    """
    another wording, which finds something that the reader may read
    """
    instead: Annotated[bool | None, Field(title="Instead")] = False
    """
    the answer is to `did_you_mean`, because no document has a word of what was typed: ask for it to see the following pages, or set `as_typed`
    """
