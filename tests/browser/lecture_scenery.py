"""What the pictures of a lecture show: its words in both languages, a window to share, a deck of slides."""

from __future__ import annotations

from typing import Final

from playwright.async_api import Browser

from tests.browser import lecture as doing

WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "title": "Chest pain: what must not be missed",
        "other": "Reading an ECG in five steps",
        "series": "Cardiology for primary care",
        "summary": "Which pain goes to the hospital at once, which can wait, and how to tell at the desk.",
        "place": "Lecture hall 2, Building A",
        "question": "Is transfer still worth it after twelve hours?",
        "second": "Ticagrelor or clopidogrel before transfer?",
        "poll": "V2–V4 are raised by 2 mm. What next?",
        "options": "Repeat the ECG in 30 minutes|Aspirin and call the hospital|Wait for troponin",
        "chat": "Greetings from Fangcao, six of us are round one screen.",
        "guest": "Dr Wang Fang",
        "page": "Anterior STEMI|V2–V4: ST elevation of 2 mm and more|Page ${page}",
        "deck": "Chest pain|Three questions at the desk|The first ECG|Before the ambulance comes",
    },
    "zh-CN": {
        "title": "胸痛：不可遗漏的危急表现",
        "other": "五步读懂心电图",
        "series": "基层心血管病系列课",
        "summary": "哪些胸痛须立即转诊，哪些可以等到明天，门诊桌前如何判断。",
        "place": "A 座二楼报告厅",
        "question": "发病超过12小时还需要转院吗？",
        "second": "转院前用替格瑞洛还是氯吡格雷？",
        "poll": "V2–V4 抬高 2 mm，下一步怎么做？",
        "options": "30 分钟后复查心电图|服用阿司匹林并联系上级医院|等待肌钙蛋白结果",
        "chat": "芳草卫生中心六位同事正在一起观看。",
        "guest": "王芳医生",
        "page": "急性前壁心肌梗死|V2–V4 导联 ST 段抬高 ≥ 2 mm|第 ${page} 页",
        "deck": "胸痛|门诊桌前三个问题|第一份心电图|救护车到来之前",
    },
}

_SHOWN: Final = ("Anterior STEMI", "V2–V4: ST elevation of 2 mm and more", "Page ${page}")
_PAGE: Final = (
    "<section style='height:716px;box-sizing:border-box;padding:90px;break-inside:avoid;background:#f7fafa;"
    "color:#0b3d40;font-family:sans-serif'><h1 style='font-size:64px;margin:0'>{title}</h1>"
    "<p style='font-size:34px;margin-top:60px'>{text}</p></section>"
)


def shared_window(words: dict[str, str]) -> str:
    """A script: the window that this person shares shows a page in the reader's language."""
    script = doing.SCREEN
    for place, text in zip(_SHOWN, words["page"].split("|"), strict=True):
        script = script.replace(place, text)
    return script


async def deck(browser: Browser, words: dict[str, str]) -> bytes:
    """A PDF of a few slides, printed by the browser, which knows both scripts."""
    page = await browser.new_page()
    try:
        titles = words["deck"].split("|")
        text = words["page"].split("|")[1]
        await page.set_content(
            "<style>body { margin: 0 }</style>" + "".join(_PAGE.format(title=title, text=text) for title in titles)
        )
        return await page.pdf(width="1280px", height="720px", print_background=True)
    finally:
        await page.close()
