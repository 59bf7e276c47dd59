"""A token is of a consultation or of a lecture."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tokens of lectures beside those of consultations."""
    with op.batch_alter_table("ingest_token", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lecture", sa.String(length=32), nullable=True))
        batch_op.alter_column("request", existing_type=sa.VARCHAR(length=32), nullable=True)
        batch_op.create_index("ix_ingest_token_lecture_created_at", ["lecture", "created_at"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_ingest_token_lecture"), "lecture", ["lecture"], ["id"])
        batch_op.create_check_constraint(
            batch_op.f("ck_ingest_token_of_one_thing"), "(request IS NULL) <> (lecture IS NULL)"
        )


def downgrade() -> None:
    """Without those of lectures."""
    op.execute("DELETE FROM ingest_token WHERE lecture IS NOT NULL")
    with op.batch_alter_table("ingest_token", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_ingest_token_of_one_thing"), type_="check")
        batch_op.drop_constraint(batch_op.f("fk_ingest_token_lecture"), type_="foreignkey")
        batch_op.drop_index("ix_ingest_token_lecture_created_at")
        batch_op.alter_column("request", existing_type=sa.VARCHAR(length=32), nullable=False)
        batch_op.drop_column("lecture")
