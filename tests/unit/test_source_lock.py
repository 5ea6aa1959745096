"""Two crawls of one source never run at once, and a dead one holds nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from connectors.errors import SourceRefused
from quisait.source_lock import only_crawl

pytestmark = pytest.mark.sources

HOLD = """
import sys, time
from pathlib import Path
from quisait.source_lock import only_crawl
with only_crawl(Path(sys.argv[1]), "wiki"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_crawl_is_told_to_wait_until_the_first_is_gone(tmp_path: Path) -> None:
    """Even where the first was killed; another source is free meanwhile."""
    first = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE)
    assert first.stdout is not None
    assert first.stdout.readline() == b"held\n"
    with pytest.raises(SourceRefused, match="en cours"), only_crawl(tmp_path, "wiki"):
        pass
    with only_crawl(tmp_path, "notes"):
        pass
    first.kill()
    first.wait()
    first.stdout.close()
    with only_crawl(tmp_path, "wiki"):
        pass
