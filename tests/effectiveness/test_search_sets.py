"""Search sets beside the clone, on the embedded engine: relevance does not sink unseen.

`python -m benchmarks.relevance` prints what was measured (docs/evaluation.md). Each floor is .01
lower, .02 where the set has fewer than 100 questions: another kind of processor moves single ones.
`test_relevance.py` asks search_piaf on both engines.
"""

import pytest

from evaluation.corpora import load_search_set
from evaluation.rankings import evaluate_search
from quisait.settings import IndexSettings
from search_api.engine import Retriever
from tests.effectiveness.test_relevance import bench
from tests.shared_files import SHARED, is_there

pytestmark = [pytest.mark.search, pytest.mark.timeout(1800)]

LEAST_NDCG = {
    "search_bots": 0.609,
    "search_cdtn_fiches": 0.485,
    "search_covid_qc": 0.629,
    "search_datagouv": 0.567,
    "search_dechets": 0.369,
    "search_mcc": 0.684,
    "search_vdd_related": 0.593,
}


@pytest.mark.parametrize("name", [name for name in LEAST_NDCG if is_there(f"eval/{name}")])
def test_each_set_reaches_the_measured_relevance(name: str) -> None:
    """A change that helps one collection must not cost another unseen."""
    judged = load_search_set(SHARED / "eval" / name)
    found = evaluate_search(judged, bench(IndexSettings(engine="embedded")), [Retriever.HYBRID])
    assert found.rows["hybrid"]["nDCG@10"].mean >= LEAST_NDCG[name]
