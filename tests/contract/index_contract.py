"""The contract of the `Index` port: every adapter passes the same checks.

An adapter's test module subclasses `IndexContract` and gives a fixture `index`: an
empty index of dimension `tests.builders.ENCODER.dimension`, anew for each test.
"""

from tests.contract.index_access_checks import AccessChecks
from tests.contract.index_contents_checks import ContentsChecks
from tests.contract.index_expected_checks import ExpectedQuestionsChecks
from tests.contract.index_hostile_checks import HostileChecks
from tests.contract.index_marks_checks import MarksChecks
from tests.contract.index_narrowing_checks import NarrowingChecks
from tests.contract.index_question_checks import QuestionChecks
from tests.contract.index_ranking_checks import RankingChecks
from tests.contract.index_word_checks import WordChecks
from tests.contract.index_write_checks import WriteChecks


class IndexContract(
    NarrowingChecks,
    AccessChecks,
    WriteChecks,
    ContentsChecks,
    QuestionChecks,
    RankingChecks,
    MarksChecks,
    ExpectedQuestionsChecks,
    HostileChecks,
    WordChecks,
):
    """All checks of the contract."""
