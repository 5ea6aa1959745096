"""Print every figure of the development sets: `python -m benchmarks [embedded|opensearch]`.

Reads `$QUISAIT_SHARED/eval`; vectors are cached between runs.
"""

import sys

from benchmarks import (
    access_change,
    analysis,
    expertise_build,
    formats,
    relevance,
    search,
    sources,
)


def main(engines: list[str]) -> None:
    """Measure relevance, searches, analysis, access changes, formats, sources and builds."""
    relevance.main(engines)
    search.main(engines)
    analysis.main([])
    access_change.main(engines)
    formats.main([])
    sources.main([])
    # Ten million documents take half an hour: `python -m benchmarks.expertise_build` measures them.
    expertise_build.main(list(expertise_build.SIZES[:-1]))


if __name__ == "__main__":
    main(sys.argv[1:] or ["embedded", "opensearch"])
