"""Once the tables of webhooks, which the package `quisait-webhooks` makes itself."""

revision = "0040"
down_revision = "0038"


def upgrade() -> None:
    """Change nothing."""
