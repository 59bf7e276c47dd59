"""Lectures: scheduled, broadcast, taken part in. A recording is of an encounter or of a lecture."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The tables of lectures, and what recordings and files need to belong to them."""
    op.create_table(
        "calendar_feed",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("practitioner", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.id"], name=op.f("fk_calendar_feed_practitioner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_feed")),
        sa.UniqueConstraint("practitioner", name=op.f("uq_calendar_feed_practitioner")),
    )
    op.create_table(
        "lecture_series",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["practitioner.id"], name=op.f("fk_lecture_series_created_by")),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_lecture_series_organisation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lecture_series")),
    )
    with op.batch_alter_table("lecture_series", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lecture_series_organisation"), ["organisation"], unique=False)
    op.create_table(
        "lecture",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("series", sa.String(length=32), nullable=True),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("specialty", sa.String(length=32), nullable=True),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=True),
        sa.Column("speaker", sa.String(length=32), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("organisations", sa.JSON(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("check_in_key", sa.String(length=64), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=32), nullable=True),
        sa.Column("created_by", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["practitioner.id"], name=op.f("fk_lecture_created_by")),
        sa.ForeignKeyConstraint(["ended_by"], ["practitioner.id"], name=op.f("fk_lecture_ended_by")),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_lecture_organisation")),
        sa.ForeignKeyConstraint(["series"], ["lecture_series.id"], name=op.f("fk_lecture_series")),
        sa.ForeignKeyConstraint(["speaker"], ["practitioner.id"], name=op.f("fk_lecture_speaker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lecture")),
        sa.UniqueConstraint("created_by", "idempotency_key", name=op.f("uq_lecture_created_by_idempotency_key")),
    )
    with op.batch_alter_table("lecture", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lecture_organisation"), ["organisation"], unique=False)
        batch_op.create_index(batch_op.f("ix_lecture_series"), ["series"], unique=False)
        batch_op.create_index(batch_op.f("ix_lecture_speaker"), ["speaker"], unique=False)
        batch_op.create_index(batch_op.f("ix_lecture_specialty"), ["specialty"], unique=False)
        batch_op.create_index(batch_op.f("ix_lecture_starts_at"), ["starts_at"], unique=False)
        batch_op.create_index("ix_lecture_status_starts_at", ["status", "starts_at"], unique=False)
    op.create_table(
        "lecture_attendance",
        sa.Column("lecture", sa.String(length=32), nullable=False),
        sa.Column("practitioner", sa.String(length=32), nullable=False),
        sa.Column("how", sa.String(length=8), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["by"], ["practitioner.id"], name=op.f("fk_lecture_attendance_by")),
        sa.ForeignKeyConstraint(["lecture"], ["lecture.id"], name=op.f("fk_lecture_attendance_lecture")),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.id"], name=op.f("fk_lecture_attendance_practitioner")),
        sa.PrimaryKeyConstraint("lecture", "practitioner", "how", name=op.f("pk_lecture_attendance")),
    )
    with op.batch_alter_table("lecture_attendance", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lecture_attendance_practitioner"), ["practitioner"], unique=False)
    op.create_table(
        "lecture_consent",
        sa.Column("lecture", sa.String(length=32), nullable=False),
        sa.Column("practitioner", sa.String(length=32), nullable=False),
        sa.Column("form_version", sa.String(length=32), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["lecture"], ["lecture.id"], name=op.f("fk_lecture_consent_lecture")),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.id"], name=op.f("fk_lecture_consent_practitioner")),
        sa.PrimaryKeyConstraint("lecture", "practitioner", name=op.f("pk_lecture_consent")),
    )
    with op.batch_alter_table("lecture_consent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lecture_consent_practitioner"), ["practitioner"], unique=False)
    op.create_table(
        "lecture_event",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("lecture", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offset_s", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("by", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["by"], ["practitioner.id"], name=op.f("fk_lecture_event_by")),
        sa.ForeignKeyConstraint(["lecture"], ["lecture.id"], name=op.f("fk_lecture_event_lecture")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lecture_event")),
    )
    with op.batch_alter_table("lecture_event", schema=None) as batch_op:
        batch_op.create_index("ix_lecture_event_lecture_offset_s", ["lecture", "offset_s"], unique=False)
    op.create_table(
        "lecture_message",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("lecture", sa.String(length=32), nullable=False),
        sa.Column("author", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offset_s", sa.Double(), nullable=False),
        sa.Column("hidden_by", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["author"], ["practitioner.id"], name=op.f("fk_lecture_message_author")),
        sa.ForeignKeyConstraint(["hidden_by"], ["practitioner.id"], name=op.f("fk_lecture_message_hidden_by")),
        sa.ForeignKeyConstraint(["lecture"], ["lecture.id"], name=op.f("fk_lecture_message_lecture")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lecture_message")),
        sa.UniqueConstraint("lecture", "author", "client_id", name=op.f("uq_lecture_message_lecture_author_client_id")),
    )
    with op.batch_alter_table("lecture_message", schema=None) as batch_op:
        batch_op.create_index("ix_lecture_message_lecture_at", ["lecture", "at"], unique=False)
    op.create_table(
        "lecture_poll",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("lecture", sa.String(length=32), nullable=False),
        sa.Column("author", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("correct", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_s", sa.Double(), nullable=True),
        sa.Column("closed_s", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["author"], ["practitioner.id"], name=op.f("fk_lecture_poll_author")),
        sa.ForeignKeyConstraint(["lecture"], ["lecture.id"], name=op.f("fk_lecture_poll_lecture")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lecture_poll")),
    )
    with op.batch_alter_table("lecture_poll", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lecture_poll_lecture"), ["lecture"], unique=False)
    op.create_table(
        "lecture_presenter",
        sa.Column("lecture", sa.String(length=32), nullable=False),
        sa.Column("practitioner", sa.String(length=32), nullable=False),
        sa.Column("named_by", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["lecture"], ["lecture.id"], name=op.f("fk_lecture_presenter_lecture")),
        sa.ForeignKeyConstraint(["named_by"], ["practitioner.id"], name=op.f("fk_lecture_presenter_named_by")),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.id"], name=op.f("fk_lecture_presenter_practitioner")),
        sa.PrimaryKeyConstraint("lecture", "practitioner", name=op.f("pk_lecture_presenter")),
    )
    with op.batch_alter_table("lecture_presenter", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lecture_presenter_practitioner"), ["practitioner"], unique=False)
    op.create_table(
        "lecture_question",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("lecture", sa.String(length=32), nullable=False),
        sa.Column("author", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offset_s", sa.Double(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("answered_s", sa.Double(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["author"], ["practitioner.id"], name=op.f("fk_lecture_question_author")),
        sa.ForeignKeyConstraint(["lecture"], ["lecture.id"], name=op.f("fk_lecture_question_lecture")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lecture_question")),
        sa.UniqueConstraint(
            "lecture", "author", "client_id", name=op.f("uq_lecture_question_lecture_author_client_id")
        ),
    )
    with op.batch_alter_table("lecture_question", schema=None) as batch_op:
        batch_op.create_index("ix_lecture_question_lecture_at", ["lecture", "at"], unique=False)
    op.create_table(
        "lecture_reminder",
        sa.Column("lecture", sa.String(length=32), nullable=False),
        sa.Column("practitioner", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["lecture"], ["lecture.id"], name=op.f("fk_lecture_reminder_lecture")),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.id"], name=op.f("fk_lecture_reminder_practitioner")),
        sa.PrimaryKeyConstraint("lecture", "practitioner", name=op.f("pk_lecture_reminder")),
    )
    with op.batch_alter_table("lecture_reminder", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lecture_reminder_practitioner"), ["practitioner"], unique=False)
        batch_op.create_index("ix_lecture_reminder_state_next_attempt_at", ["state", "next_attempt_at"], unique=False)
    op.create_table(
        "raised_hand",
        sa.Column("lecture", sa.String(length=32), nullable=False),
        sa.Column("practitioner", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["lecture"], ["lecture.id"], name=op.f("fk_raised_hand_lecture")),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.id"], name=op.f("fk_raised_hand_practitioner")),
        sa.PrimaryKeyConstraint("lecture", "practitioner", name=op.f("pk_raised_hand")),
    )
    op.create_table(
        "poll_answer",
        sa.Column("poll", sa.String(length=32), nullable=False),
        sa.Column("practitioner", sa.String(length=32), nullable=False),
        sa.Column("option", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["poll"], ["lecture_poll.id"], name=op.f("fk_poll_answer_poll")),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.id"], name=op.f("fk_poll_answer_practitioner")),
        sa.PrimaryKeyConstraint("poll", "practitioner", name=op.f("pk_poll_answer")),
    )
    op.create_table(
        "question_vote",
        sa.Column("question", sa.String(length=32), nullable=False),
        sa.Column("practitioner", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.id"], name=op.f("fk_question_vote_practitioner")),
        sa.ForeignKeyConstraint(["question"], ["lecture_question.id"], name=op.f("fk_question_vote_question")),
        sa.PrimaryKeyConstraint("question", "practitioner", name=op.f("pk_question_vote")),
    )
    with op.batch_alter_table("document_reference", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lecture", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("pages", sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f("ix_document_reference_lecture"), ["lecture"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_document_reference_lecture"), "lecture", ["lecture"], ["id"])
    with op.batch_alter_table("recording", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lecture", sa.String(length=32), nullable=True))
        batch_op.alter_column("encounter", existing_type=sa.VARCHAR(length=32), nullable=True)
        batch_op.create_index(batch_op.f("ix_recording_lecture"), ["lecture"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_recording_lecture"), "lecture", ["lecture"], ["id"])
        batch_op.create_check_constraint(
            batch_op.f("ck_recording_of_one_thing"), "(encounter IS NULL) <> (lecture IS NULL)"
        )


def downgrade() -> None:
    """Without lectures; their recordings and files are forgotten first, nothing else could hold them."""
    op.execute("DELETE FROM recording WHERE lecture IS NOT NULL")
    op.execute("DELETE FROM document_reference WHERE lecture IS NOT NULL")
    with op.batch_alter_table("recording", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_recording_of_one_thing"), type_="check")
        batch_op.drop_constraint(batch_op.f("fk_recording_lecture"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_recording_lecture"))
        batch_op.alter_column("encounter", existing_type=sa.VARCHAR(length=32), nullable=False)
        batch_op.drop_column("lecture")
    with op.batch_alter_table("document_reference", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_document_reference_lecture"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_document_reference_lecture"))
        batch_op.drop_column("pages")
        batch_op.drop_column("lecture")
    op.drop_table("question_vote")
    op.drop_table("poll_answer")
    op.drop_table("raised_hand")
    with op.batch_alter_table("lecture_reminder", schema=None) as batch_op:
        batch_op.drop_index("ix_lecture_reminder_state_next_attempt_at")
        batch_op.drop_index(batch_op.f("ix_lecture_reminder_practitioner"))
    op.drop_table("lecture_reminder")
    with op.batch_alter_table("lecture_question", schema=None) as batch_op:
        batch_op.drop_index("ix_lecture_question_lecture_at")
    op.drop_table("lecture_question")
    with op.batch_alter_table("lecture_presenter", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lecture_presenter_practitioner"))
    op.drop_table("lecture_presenter")
    with op.batch_alter_table("lecture_poll", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lecture_poll_lecture"))
    op.drop_table("lecture_poll")
    with op.batch_alter_table("lecture_message", schema=None) as batch_op:
        batch_op.drop_index("ix_lecture_message_lecture_at")
    op.drop_table("lecture_message")
    with op.batch_alter_table("lecture_event", schema=None) as batch_op:
        batch_op.drop_index("ix_lecture_event_lecture_offset_s")
    op.drop_table("lecture_event")
    with op.batch_alter_table("lecture_consent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lecture_consent_practitioner"))
    op.drop_table("lecture_consent")
    with op.batch_alter_table("lecture_attendance", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lecture_attendance_practitioner"))
    op.drop_table("lecture_attendance")
    with op.batch_alter_table("lecture", schema=None) as batch_op:
        batch_op.drop_index("ix_lecture_status_starts_at")
        batch_op.drop_index(batch_op.f("ix_lecture_starts_at"))
        batch_op.drop_index(batch_op.f("ix_lecture_specialty"))
        batch_op.drop_index(batch_op.f("ix_lecture_speaker"))
        batch_op.drop_index(batch_op.f("ix_lecture_series"))
        batch_op.drop_index(batch_op.f("ix_lecture_organisation"))
    op.drop_table("lecture")
    with op.batch_alter_table("lecture_series", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lecture_series_organisation"))
    op.drop_table("lecture_series")
    op.drop_table("calendar_feed")
