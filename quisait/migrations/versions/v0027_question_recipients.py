"""Keep the recipients of a question and when each of them decided; index lists of questions."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Create the table and add the column; older questions have no stored recipients."""
    op.create_table(
        "question_recipients",
        sa.Column("question_id", sa.String(32), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("agent_key", sa.String(64), nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        if_not_exists=True,
    )
    op.create_index(
        "ix_question_recipients_agent_key",
        "question_recipients",
        ["agent_key"],
        if_not_exists=True,
    )
    requests = sa.inspect(op.get_bind()).get_columns("asked_agents")
    if "decided" not in {one["name"] for one in requests}:
        op.add_column("asked_agents", sa.Column("decided", sa.DateTime(timezone=True)))
    for name, columns in (
        ("stage", ["stage", "created", "id"]),
        ("topic", ["topic_id", "stage", "created", "id"]),
        ("modified", ["modified"]),
    ):
        op.create_index(f"asked_questions_{name}", "asked_questions", columns, if_not_exists=True)
