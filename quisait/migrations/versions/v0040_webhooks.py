"""Does nothing: the package `quisait-webhooks` creates the tables that this revision created."""

revision = "0040"
down_revision = "0038"


def upgrade() -> None:
    """Change nothing."""
