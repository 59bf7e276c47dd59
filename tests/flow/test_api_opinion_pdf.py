"""The printed opinion: real text in both scripts, the same bytes each time, for participants alone."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pypdf import PdfReader

from tele.domain.refusals import Unavailable
from tele.services import opinion_pdf
from tele.services.fonts import Fonts, find_fonts
from tests.flow.house import House

WRITTEN = {
    "assessment": "房性早搏，偶发。 Ectopic beats, benign.",
    "advice": "减少咖啡因摄入。",
    "next_step": "come-back",
}


@pytest.fixture
async def fonts(monkeypatch: pytest.MonkeyPatch) -> Fonts:
    """The client's fonts where it is built, else any Chinese font of the tests."""
    try:
        return find_fonts()
    except Unavailable:
        import manimgx_fonts_cjk

        found = sorted(Path(manimgx_fonts_cjk.__file__).parent.glob("*.tt[cf]"))
        stand_in = Fonts(found[0], found[0])
        monkeypatch.setattr(opinion_pdf, "find_fonts", lambda: stand_in)
        return stand_in


async def signed(house: House) -> str:
    case = (await house.ask(question="心悸三天。 Holter?"))["id"]
    await house.accept(case, "spec", "answer-in-writing")
    reply = await (await house.client("spec")).post(f"/api/consultations/{case}/opinion/sign", json=WRITTEN)
    assert reply.status == 200, await reply.text()
    return case


async def test_the_sheet_says_what_was_written(house: House, fonts: Fonts, monkeypatch: pytest.MonkeyPatch) -> None:
    case = await signed(house)
    gp = await house.client("gp")
    await gp.put("/api/session/language", json={"language": "zh-CN"})
    pages = []
    for username in ("spec", "gp"):
        reply = await (await house.client(username)).get(f"/api/consultations/{case}/opinion.pdf")
        assert (reply.status, reply.content_type) == (200, "application/pdf")
        reader = PdfReader(io.BytesIO(await reply.read()))
        pages.append("".join(page.extract_text() for page in reader.pages))
    english, chinese = (page.replace("\n", "").replace(" ", "") for page in pages)
    for text in ("Specialistopinion", "DrZhangWei", "Comeback", "房性早搏", "减少咖啡因摄入", "A-17", "61years"):
        assert text in english, text
    for text in ("专家会诊意见", "张伟医生", "复诊", "芳草社区卫生服务中心", "心悸三天", "61岁", "第1页"):
        assert text in chinese, text
    again = await gp.get(f"/api/consultations/{case}/opinion.pdf")
    monkeypatch.setattr(opinion_pdf, "_draw", None)  # what was drawn once is kept
    assert await again.read() == await (await gp.get(f"/api/consultations/{case}/opinion.pdf")).read()
    assert ("opinion.print", await house.person("gp")) in await house.audited(case)


async def test_a_long_opinion_takes_more_pages(house: House, fonts: Fonts) -> None:
    case = (await house.ask())["id"]
    await house.accept(case, "spec", "answer-in-writing")
    spec = await house.client("spec")
    long = {**WRITTEN, "advice": "一日三次，饭后服用。" * 800}
    assert (await spec.post(f"/api/consultations/{case}/opinion/sign", json=long)).status == 200
    content = await (await spec.get(f"/api/consultations/{case}/opinion.pdf")).read()
    assert len(PdfReader(io.BytesIO(content)).pages) > 2


async def test_there_is_nothing_to_print_before_the_signature(house: House) -> None:
    case = (await house.ask())["id"]
    reply = await (await house.client("gp")).get(f"/api/consultations/{case}/opinion.pdf")
    assert (reply.status, (await reply.json())["code"]) == (409, "not-signed")


async def test_missing_fonts_are_said(house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    case = await signed(house)
    monkeypatch.setattr("tele.services.fonts.web_client", lambda: tmp_path)
    reply = await (await house.client("gp")).get(f"/api/consultations/{case}/opinion.pdf")
    assert (reply.status, (await reply.json())["code"]) == (503, "fonts-missing")
