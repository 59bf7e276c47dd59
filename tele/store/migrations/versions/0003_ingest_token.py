"""Tokens with which devices and players enter a call."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table."""
    op.create_table(
        "ingest_token",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("request", sa.String(length=32), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["practitioner.id"], name=op.f("fk_ingest_token_created_by")),
        sa.ForeignKeyConstraint(["request"], ["service_request.id"], name=op.f("fk_ingest_token_request")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ingest_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_ingest_token_token_hash")),
    )
    op.create_index("ix_ingest_token_request_created_at", "ingest_token", ["request", "created_at"])


def downgrade() -> None:
    """Without it."""
    op.drop_table("ingest_token")
