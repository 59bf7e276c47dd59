"""The first schema: everything that the first release keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_event",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=True),
        sa.Column("session", sa.String(length=32), nullable=True),
        sa.Column("action", sa.String(length=48), nullable=False),
        sa.Column("subject_type", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.create_index("ix_audit_event_actor_at", ["actor", "at"], unique=False)
        batch_op.create_index(
            "ix_audit_event_subject_type_subject_id_at", ["subject_type", "subject_id", "at"], unique=False
        )

    op.create_table(
        "organisation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("name_zh", sa.String(length=200), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("duty_phone", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
    )
    op.create_table(
        "practitioner",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("name_zh", sa.String(length=200), nullable=True),
        sa.Column("title", sa.String(length=200), nullable=True),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("password_hash", sa.String(length=256), nullable=False),
        sa.Column("password_is_demo", sa.Boolean(), nullable=False),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_practitioner")),
        sa.UniqueConstraint("username", name=op.f("uq_practitioner_username")),
    )
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
        "practitioner_role",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("practitioner", sa.String(length=32), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("specialties", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_practitioner_role_organisation")),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.id"], name=op.f("fk_practitioner_role_practitioner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_practitioner_role")),
        sa.UniqueConstraint(
            "practitioner", "organisation", "role", name=op.f("uq_practitioner_role_practitioner_organisation_role")
        ),
    )
    with op.batch_alter_table("practitioner_role", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_practitioner_role_organisation"), ["organisation"], unique=False)
        batch_op.create_index(batch_op.f("ix_practitioner_role_practitioner"), ["practitioner"], unique=False)

    op.create_table(
        "service_request",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("idempotency_digest", sa.String(length=64), nullable=False),
        sa.Column("requester", sa.String(length=32), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("specialty", sa.String(length=32), nullable=False),
        sa.Column("urgency", sa.String(length=16), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("record_number", sa.String(length=64), nullable=True),
        sa.Column("initials", sa.String(length=16), nullable=True),
        sa.Column("sex", sa.String(length=8), nullable=True),
        sa.Column("age", sa.Integer(), nullable=True),
        sa.Column("history", sa.Text(), nullable=True),
        sa.Column("findings", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=24), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("paging_state", sa.JSON(), nullable=False),
        sa.Column("paging_version", sa.Integer(), nullable=False),
        sa.Column("next_wake_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.String(length=32), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("written_reply", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancelled_reason", sa.String(length=500), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["accepted_by"], ["practitioner.id"], name=op.f("fk_service_request_accepted_by")),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_service_request_organisation")),
        sa.ForeignKeyConstraint(["requester"], ["practitioner.id"], name=op.f("fk_service_request_requester")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_request")),
        sa.UniqueConstraint("requester", "idempotency_key", name=op.f("uq_service_request_requester_idempotency_key")),
    )
    with op.batch_alter_table("service_request", schema=None) as batch_op:
        batch_op.create_index("ix_service_request_accepted_by_updated_at", ["accepted_by", "updated_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_service_request_organisation"), ["organisation"], unique=False)
        batch_op.create_index("ix_service_request_requester_updated_at", ["requester", "updated_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_service_request_specialty"), ["specialty"], unique=False)
        batch_op.create_index(batch_op.f("ix_service_request_status"), ["status"], unique=False)
        batch_op.create_index("ix_service_request_status_next_wake_at", ["status", "next_wake_at"], unique=False)

    op.create_table(
        "session",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("practitioner", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("user_agent", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.id"], name=op.f("fk_session_practitioner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_session_token_hash")),
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_session_practitioner"), ["practitioner"], unique=False)

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
        "document_reference",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("request", sa.String(length=32), nullable=True),
        sa.Column("uploader", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("object_key", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["request"], ["service_request.id"], name=op.f("fk_document_reference_request")),
        sa.ForeignKeyConstraint(["uploader"], ["practitioner.id"], name=op.f("fk_document_reference_uploader")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_reference")),
    )
    with op.batch_alter_table("document_reference", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_reference_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_document_reference_request"), ["request"], unique=False)
        batch_op.create_index(batch_op.f("ix_document_reference_uploader"), ["uploader"], unique=False)

    op.create_table(
        "encounter",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("request", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["ended_by"], ["practitioner.id"], name=op.f("fk_encounter_ended_by")),
        sa.ForeignKeyConstraint(["request"], ["service_request.id"], name=op.f("fk_encounter_request")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_encounter")),
    )
    with op.batch_alter_table("encounter", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_encounter_request"), ["request"], unique=False)
        batch_op.create_index(batch_op.f("ix_encounter_status"), ["status"], unique=False)

    op.create_table(
        "opinion",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("request", sa.String(length=32), nullable=False),
        sa.Column("author", sa.String(length=32), nullable=False),
        sa.Column("assessment", sa.Text(), nullable=False),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.Column("next_step", sa.String(length=16), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["author"], ["practitioner.id"], name=op.f("fk_opinion_author")),
        sa.ForeignKeyConstraint(["request"], ["service_request.id"], name=op.f("fk_opinion_request")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opinion")),
        sa.UniqueConstraint("request", name=op.f("uq_opinion_request")),
    )
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
            sqlite_where=sa.text("outcome = 'ringing'"),
            postgresql_where=sa.text("outcome = 'ringing'"),
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
        "viewer",
        sa.Column("request", sa.String(length=32), nullable=False),
        sa.Column("practitioner", sa.String(length=32), nullable=False),
        sa.Column("named_by", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["named_by"], ["practitioner.id"], name=op.f("fk_viewer_named_by")),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.id"], name=op.f("fk_viewer_practitioner")),
        sa.ForeignKeyConstraint(["request"], ["service_request.id"], name=op.f("fk_viewer_request")),
        sa.PrimaryKeyConstraint("request", "practitioner", name=op.f("pk_viewer")),
    )
    with op.batch_alter_table("viewer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_viewer_practitioner"), ["practitioner"], unique=False)

    op.create_table(
        "addendum",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("opinion", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["author"], ["practitioner.id"], name=op.f("fk_addendum_author")),
        sa.ForeignKeyConstraint(["opinion"], ["opinion.id"], name=op.f("fk_addendum_opinion")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_addendum")),
    )
    with op.batch_alter_table("addendum", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_addendum_opinion"), ["opinion"], unique=False)

    op.create_table(
        "consent",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("request", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("form_version", sa.String(length=32), nullable=False),
        sa.Column("given_by", sa.String(length=16), nullable=False),
        sa.Column("guardian_name", sa.String(length=200), nullable=True),
        sa.Column("witness", sa.String(length=200), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("photo", sa.String(length=32), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["photo"], ["document_reference.id"], name=op.f("fk_consent_photo")),
        sa.ForeignKeyConstraint(["request"], ["service_request.id"], name=op.f("fk_consent_request")),
        sa.ForeignKeyConstraint(["withdrawn_by"], ["practitioner.id"], name=op.f("fk_consent_withdrawn_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consent_request"), ["request"], unique=False)

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

    op.create_table(
        "message",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("request", sa.String(length=32), nullable=False),
        sa.Column("author", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("encounter", sa.String(length=32), nullable=True),
        sa.Column("offset_s", sa.Double(), nullable=True),
        sa.Column("client_id", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["author"], ["practitioner.id"], name=op.f("fk_message_author")),
        sa.ForeignKeyConstraint(["encounter"], ["encounter.id"], name=op.f("fk_message_encounter")),
        sa.ForeignKeyConstraint(["request"], ["service_request.id"], name=op.f("fk_message_request")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("request", "author", "client_id", name=op.f("uq_message_request_author_client_id")),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index("ix_message_request_at", ["request", "at"], unique=False)

    op.create_table(
        "recording",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("encounter", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration", sa.Double(), nullable=True),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["encounter"], ["encounter.id"], name=op.f("fk_recording_encounter")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording")),
    )
    with op.batch_alter_table("recording", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recording_encounter"), ["encounter"], unique=False)
        batch_op.create_index(batch_op.f("ix_recording_state"), ["state"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("recording", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_recording_state"))
        batch_op.drop_index(batch_op.f("ix_recording_encounter"))

    op.drop_table("recording")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index("ix_message_request_at")

    op.drop_table("message")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index("ix_delivery_state_next_attempt_at")
        batch_op.drop_index(batch_op.f("ix_delivery_request"))
        batch_op.drop_index(batch_op.f("ix_delivery_page"))

    op.drop_table("delivery")
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_consent_request"))

    op.drop_table("consent")
    with op.batch_alter_table("addendum", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_addendum_opinion"))

    op.drop_table("addendum")
    with op.batch_alter_table("viewer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_viewer_practitioner"))

    op.drop_table("viewer")
    with op.batch_alter_table("roster_override", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_roster_override_shift"))
        batch_op.drop_index(batch_op.f("ix_roster_override_practitioner"))
        batch_op.drop_index(batch_op.f("ix_roster_override_organisation"))
        batch_op.drop_index("ix_roster_override_ends_at_starts_at")

    op.drop_table("roster_override")
    with op.batch_alter_table("page", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_page_practitioner_ringing",
            sqlite_where=sa.text("outcome = 'ringing'"),
            postgresql_where=sa.text("outcome = 'ringing'"),
        )
        batch_op.drop_index("ix_page_request_outcome")
        batch_op.drop_index("ix_page_practitioner_ended_at")

    op.drop_table("page")
    op.drop_table("opinion")
    with op.batch_alter_table("encounter", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_encounter_status"))
        batch_op.drop_index(batch_op.f("ix_encounter_request"))

    op.drop_table("encounter")
    with op.batch_alter_table("document_reference", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_document_reference_uploader"))
        batch_op.drop_index(batch_op.f("ix_document_reference_request"))
        batch_op.drop_index(batch_op.f("ix_document_reference_created_at"))

    op.drop_table("document_reference")
    with op.batch_alter_table("shift", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shift_practitioner"))
        batch_op.drop_index(batch_op.f("ix_shift_organisation"))
        batch_op.drop_index("ix_shift_ends_at_starts_at")

    op.drop_table("shift")
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_session_practitioner"))

    op.drop_table("session")
    with op.batch_alter_table("service_request", schema=None) as batch_op:
        batch_op.drop_index("ix_service_request_status_next_wake_at")
        batch_op.drop_index(batch_op.f("ix_service_request_status"))
        batch_op.drop_index(batch_op.f("ix_service_request_specialty"))
        batch_op.drop_index("ix_service_request_requester_updated_at")
        batch_op.drop_index(batch_op.f("ix_service_request_organisation"))
        batch_op.drop_index("ix_service_request_accepted_by_updated_at")

    op.drop_table("service_request")
    with op.batch_alter_table("practitioner_role", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_practitioner_role_practitioner"))
        batch_op.drop_index(batch_op.f("ix_practitioner_role_organisation"))

    op.drop_table("practitioner_role")
    op.drop_table("on_call_switch")
    op.drop_table("practitioner")
    op.drop_table("organisation")
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_event_subject_type_subject_id_at")
        batch_op.drop_index("ix_audit_event_actor_at")

    op.drop_table("audit_event")
