"""The roster, the rings, and what carries them outside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


RINGING = sa.text("outcome = 'ringing'")


def upgrade() -> None:
    op.create_table(
        "on_call_switch",
        sa.Column("practitioner", sa.String(length=32), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.id"], name=op.f("fk_on_call_switch_practitioner")),
        sa.PrimaryKeyConstraint("practitioner", name=op.f("pk_on_call_switch")),
    )
    op.create_table(
        "shift",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("specialty", sa.String(length=32), nullable=False),
        sa.Column("practitioner", sa.String(length=32), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_shift_organisation")),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.id"], name=op.f("fk_shift_practitioner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift")),
    )
    with op.batch_alter_table("shift", schema=None) as batch_op:
        batch_op.create_index("ix_shift_ends_at_starts_at", ["ends_at", "starts_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_shift_organisation"), ["organisation"], unique=False)
        batch_op.create_index(batch_op.f("ix_shift_practitioner"), ["practitioner"], unique=False)

    op.create_table(
        "page",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("request", sa.String(length=32), nullable=False),
        sa.Column("practitioner", sa.String(length=32), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("channels", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.id"], name=op.f("fk_page_practitioner")),
        sa.ForeignKeyConstraint(["request"], ["service_request.id"], name=op.f("fk_page_request")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page")),
    )
    with op.batch_alter_table("page", schema=None) as batch_op:
        batch_op.create_index("ix_page_practitioner_ended_at", ["practitioner", "ended_at"], unique=False)
        batch_op.create_index("ix_page_request_outcome", ["request", "outcome"], unique=False)
        batch_op.create_index(
            "uq_page_practitioner_ringing",
            ["practitioner"],
            unique=True,
            sqlite_where=RINGING,
            postgresql_where=RINGING,
        )

    op.create_table(
        "roster_override",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("specialty", sa.String(length=32), nullable=False),
        sa.Column("practitioner", sa.String(length=32), nullable=False),
        sa.Column("shift", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_roster_override_organisation")),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.id"], name=op.f("fk_roster_override_practitioner")),
        sa.ForeignKeyConstraint(["shift"], ["shift.id"], name=op.f("fk_roster_override_shift"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_override")),
    )
    with op.batch_alter_table("roster_override", schema=None) as batch_op:
        batch_op.create_index("ix_roster_override_ends_at_starts_at", ["ends_at", "starts_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_roster_override_organisation"), ["organisation"], unique=False)
        batch_op.create_index(batch_op.f("ix_roster_override_practitioner"), ["practitioner"], unique=False)
        batch_op.create_index(batch_op.f("ix_roster_override_shift"), ["shift"], unique=False)

    op.create_table(
        "delivery",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("request", sa.String(length=32), nullable=False),
        sa.Column("page", sa.String(length=32), nullable=True),
        sa.Column("practitioner", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["page"], ["page.id"], name=op.f("fk_delivery_page")),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.id"], name=op.f("fk_delivery_practitioner")),
        sa.ForeignKeyConstraint(["request"], ["service_request.id"], name=op.f("fk_delivery_request")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_delivery_page"), ["page"], unique=False)
        batch_op.create_index(batch_op.f("ix_delivery_request"), ["request"], unique=False)
        batch_op.create_index("ix_delivery_state_next_attempt_at", ["state", "next_attempt_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index("ix_delivery_state_next_attempt_at")
        batch_op.drop_index(batch_op.f("ix_delivery_request"))
        batch_op.drop_index(batch_op.f("ix_delivery_page"))

    op.drop_table("delivery")
    with op.batch_alter_table("roster_override", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_roster_override_shift"))
        batch_op.drop_index(batch_op.f("ix_roster_override_practitioner"))
        batch_op.drop_index(batch_op.f("ix_roster_override_organisation"))
        batch_op.drop_index("ix_roster_override_ends_at_starts_at")

    op.drop_table("roster_override")
    with op.batch_alter_table("page", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_page_practitioner_ringing",
            sqlite_where=RINGING,
            postgresql_where=RINGING,
        )
        batch_op.drop_index("ix_page_request_outcome")
        batch_op.drop_index("ix_page_practitioner_ended_at")

    op.drop_table("page")
    with op.batch_alter_table("shift", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shift_practitioner"))
        batch_op.drop_index(batch_op.f("ix_shift_organisation"))
        batch_op.drop_index("ix_shift_ends_at_starts_at")

    op.drop_table("shift")
    op.drop_table("on_call_switch")
