"""The signed opinion as a sheet of paper: what stands on it, in the reader's language, and its bytes, made once."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tele.domain.access import Action, Actor
from tele.domain.refusals import Conflict
from tele.services.cases import find
from tele.services.context import Services
from tele.services.fonts import Fonts, find_fonts
from tele.services.view_consultation import view
from tele.services.views import ConsultationView, OpinionView
from tele.store import audit

_TEXTS = Path(__file__).resolve().parent.parent / "locales" / "opinion.json"


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that is printed: texts are final, in the reader's language."""

    title: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[tuple[str, str], ...]
    signature: str
    addenda: tuple[tuple[str, str], ...]
    footer: str
    """Filled with `page` and `pages`."""
    language: str
    signed_at: datetime


async def opinion_pdf(services: Services, actor: Actor, consultation_id: str) -> bytes:
    """The PDF. Raises Unknown, Conflict("not-signed") before the signature, Unavailable("fonts-missing")."""
    async with services.database.reading() as tx:
        await find(tx, actor, consultation_id, Action.SEE_OPINION)
    case = await view(services, actor, consultation_id)
    if case.opinion is None or case.opinion.state != "signed":
        raise Conflict("not-signed")
    specialty = services.reference.specialties.get(case.specialty)
    label = specialty.name.in_language(actor.language) if specialty else case.specialty
    texts = json.loads(_TEXTS.read_text("utf-8"))[actor.language]
    sheet = compose(case, case.opinion, label, actor.language, texts)
    content = await _printed(services, consultation_id, sheet)
    await audit.record_read(
        services.database, actor=actor, subject_type="consultation", subject_id=consultation_id, action="opinion.print",
        at=services.clock(), new_id=services.new_id,
    )  # fmt: skip
    return content


async def _printed(services: Services, consultation_id: str, sheet: Sheet) -> bytes:
    """The sheet as PDF; the same sheet is drawn once, since reading the fonts takes most of a second."""
    digest = hashlib.sha256(repr(sheet).encode()).hexdigest()[:32]
    key = f"opinions/{consultation_id[:2]}/{consultation_id}/{digest}.pdf"
    try:
        return await services.objects.get(key)
    except FileNotFoundError:
        fonts = find_fonts()
    async with services.heavy:
        content = await asyncio.to_thread(_draw, sheet, fonts)
    await services.objects.put(key, content)
    return content


def compose(
    case: ConsultationView, opinion: OpinionView, specialty: str, language: str, texts: dict[str, str]
) -> Sheet:
    """What stands on the sheet."""
    specialist = case.specialist or case.requester
    facts = [
        (texts["specialty"], specialty),
        (texts["urgency"], texts[f"urgency.{case.urgency}"]),
        (texts["asked"], _moment(case.created_at)),
        (texts["requester"], f"{case.requester.name}, {case.requester.organisation}"),
        (texts["specialist"], ", ".join(part for part in (specialist.name, specialist.organisation) if part)),
    ]
    if case.patient:
        patient = case.patient
        parts = (
            patient.initials,
            texts[f"sex.{patient.sex}"] if patient.sex else None,
            texts["years"].format(age=patient.age) if patient.age is not None else None,
        )
        facts.append((texts["patient"], " · ".join(part for part in parts if part) or "–"))
        if patient.record_number:
            facts.append((texts["record_number"], patient.record_number))
    signed_at = opinion.signed_at or case.updated_at
    return Sheet(
        title=texts["title"],
        facts=tuple(facts),
        sections=(
            (texts["question"], case.question),
            (texts["assessment"], opinion.assessment),
            (texts["advice"], opinion.advice),
            (texts["next_step"], texts[f"next.{opinion.next_step}"]),
        ),
        signature=texts["signed"].format(name=opinion.author.name, at=_moment(signed_at)),
        addenda=tuple(
            (texts["addendum"].format(name=each.author.name, at=_moment(each.at)), each.text)
            for each in opinion.addenda
        ),
        footer=texts["page"].replace("{id}", case.id),
        language=language,
        signed_at=signed_at,
    )


def _draw(sheet: Sheet, fonts: Fonts) -> bytes:
    from tele.services.opinion_sheet import draw  # its library takes half a second to load: not at every start

    return draw(sheet, fonts)


def _moment(at: datetime) -> str:
    """In the server's own time zone, which is the hospital's, and saying which."""
    local = at.astimezone()
    offset = local.strftime("%z")
    return f"{local:%Y-%m-%d %H:%M} (UTC{'' if offset == '+0000' else offset})"
