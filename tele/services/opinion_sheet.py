"""Drawing the sheet of an opinion: A4, with whatever script was written in it."""

from __future__ import annotations

from typing import Any

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from tele.services.fonts import Fonts
from tele.services.opinion_pdf import Sheet

_INK, _FAINT, _ACCENT = (28, 32, 36), (110, 116, 122), (0, 94, 120)
_MARGIN = 20.0


def draw(sheet: Sheet, fonts: Fonts) -> bytes:
    """The sheet as PDF bytes. Blocks: run it in a thread."""
    pdf = _Page(sheet, fonts)
    pdf.add_page()
    pdf.set_font("noto", "B", 18)
    pdf.set_text_color(*_ACCENT)
    pdf.multi_cell(0, 10, sheet.title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(2)
    for name, value in sheet.facts:
        pdf.fact(name, value)
    pdf.ln(2)
    for heading, text in sheet.sections:
        pdf.section(heading, text)
    pdf.ln(2)
    pdf.set_text_color(*_FAINT)
    pdf.set_font("noto", "", 10)
    pdf.multi_cell(0, 6, sheet.signature, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    for heading, text in sheet.addenda:
        pdf.section(heading, text)
    return bytes(pdf.output())


class _Page(FPDF):
    """A4 with our fonts, and the page numbers at its foot."""

    def __init__(self, sheet: Sheet, fonts: Fonts) -> None:
        super().__init__(format="A4")
        self._sheet = sheet
        self.add_font("noto", "", fonts.regular)
        self.add_font("noto", "B", fonts.bold)
        self.set_margins(_MARGIN, _MARGIN, _MARGIN)
        self.set_auto_page_break(True, margin=_MARGIN)
        self.set_title(sheet.title)
        self.set_lang(sheet.language)
        self.set_creator("Tele")
        self.set_creation_date(sheet.signed_at)  # the same opinion prints the same bytes

    def footer(self) -> None:
        """Case and page number."""
        self.set_y(-15)
        self.set_font("noto", "", 8)
        self.set_text_color(*_FAINT)
        self.cell(0, 6, self._sheet.footer.format(page=self.page_no(), pages="{nb}"), align="C")

    def fact(self, name: str, value: str) -> None:
        """A name in a narrow column and its value beside it."""
        self.set_font("noto", "", 10)
        self.set_text_color(*_FAINT)
        top: Any = self.get_y()
        self.multi_cell(38, 6, name, align="L", new_x=XPos.RIGHT, new_y=YPos.TOP)
        self.set_xy(_MARGIN + 40, top)
        self.set_text_color(*_INK)
        self.multi_cell(0, 6, value, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def section(self, heading: str, text: str) -> None:
        """A heading and its text."""
        self.ln(2)
        self.set_font("noto", "B", 11)
        self.set_text_color(*_ACCENT)
        self.multi_cell(0, 7, heading, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_font("noto", "", 11)
        self.set_text_color(*_INK)
        self.multi_cell(0, 6, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
