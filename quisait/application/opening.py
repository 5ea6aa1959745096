"""The ways to open the state's database, the index and the register."""

from enum import Enum


class Opening(Enum):
    """Access of a process to the site's data. A command that only shows something has `READ`."""

    READ = "read"
    """Write nothing, except entries of the audit log. The connection is read-only."""
    WRITE = "write"
    """Write. Opening raises an error if the database does not belong to the register."""
    SERVE = "serve"
    """Write, and apply the register's deletions and revocations to a database that was restored."""
