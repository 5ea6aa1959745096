"""Reports of rules in a folder's tables and sidecars that name unknown principals.

The rules are read by the connectors of files; commands and pages read the reports.
"""

import re
from collections.abc import Collection

from connectors.ports import Malformed

SIDECAR_SUFFIX = ".quisait.json"
"""End of the name of a file that contains the rule of one document."""


def unknown_principals(where: str, names: Collection[str]) -> Malformed:
    """Return the report that the rule at `where` (`file:line`) names unknown principals."""
    quoted = ", ".join(f"« {name} »" for name in sorted(names))
    return Malformed(where, f"{quoted} ne nomme personne de connu", kind="unknown_principal")


def principals_of_report(reason: str) -> frozenset[str]:
    """Return the principals that a report of kind `unknown_principal` names."""
    return frozenset(re.findall(r"« ([^«»]*) »", reason))
