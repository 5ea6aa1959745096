"""What the routes of La Suite need."""

from dataclasses import dataclass

from quisait_lasuite.documents import SuiteDocuments
from quisait_lasuite.introspection import ApplicationReaders
from quisait_lasuite.scim_values import SuiteGroups


@dataclass(frozen=True, slots=True)
class LaSuite:
    """Dependencies of the routes.

    `documents` is None if no source pushes, `groups` if none pushes its groups, and `readers` if no
    application searches in an agent's name.
    """

    documents: SuiteDocuments | None = None
    groups: SuiteGroups | None = None
    readers: ApplicationReaders | None = None
