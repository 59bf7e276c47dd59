"""What can be asked, and the consent forms to read to the patient."""

from __future__ import annotations

from tele.domain.access import Action
from tele.services.specialties import FormList, SpecialtyList, list_forms, list_specialties
from tele.web.api import Call, route


@route("GET", "/api/specialties", rule=Action.SEE_SPECIALTIES)
async def get_specialties(call: Call) -> SpecialtyList:
    """Each specialty, who is on call for it now, and how long one waits."""
    return await list_specialties(call.services)


@route("GET", "/api/consent-forms", rule=Action.SEE_SPECIALTIES)
async def get_consent_forms(call: Call) -> FormList:
    """The consent forms in force, in both languages."""
    return list_forms(call.services)
