"""What a command may do with the state's database, the index and the register."""

from enum import Enum


class Opening(Enum):
    """Access of a process to the site's data. A command that only shows something has `READ`."""

    READ = "read"
    """Write nothing, except entries of the audit log. The connection is read-only."""
    WRITE = "write"
    """Write, but change nothing if the database and the register do not belong together."""
    SERVE = "serve"
    """Write, and bring a database up to date that is an older copy, as the register demands."""
