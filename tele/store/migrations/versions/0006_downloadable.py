"""A lecture's hosts may let its replay be taken away as a file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Off for what is there."""
    with op.batch_alter_table("lecture", schema=None) as batch_op:
        batch_op.add_column(sa.Column("downloadable", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Without the choice."""
    with op.batch_alter_table("lecture", schema=None) as batch_op:
        batch_op.drop_column("downloadable")
