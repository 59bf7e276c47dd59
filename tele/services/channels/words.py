"""The sentences that channels carry, in both languages. They name no patient, no question and nobody who asks."""

from __future__ import annotations

from tele.services.channels.channel import Contact, Invitation, Notice

_URGENCY = {
    "en": {"routine": "routine", "urgent": "urgent", "emergency": "EMERGENCY"},
    "zh-CN": {"routine": "常规", "urgent": "紧急", "emergency": "危急"},
}
_SUBJECT = {
    "en": {
        "ring": "Tele: you are being called ({specialty}, {urgency})",
        "coordinator": "Tele: a request waits for a specialist ({specialty}, {urgency})",
    },
    "zh-CN": {
        "ring": "Tele：有会诊请求呼叫您（{specialty}，{urgency}）",
        "coordinator": "Tele：会诊请求无人接听（{specialty}，{urgency}）",
    },
}
_BODY = {
    "en": {
        "ring": "{name}, a general practitioner asks for you: {specialty}, {urgency}.\n"
        "Sign in to accept or decline: {link}",
        "coordinator": "{name}, a request for {specialty} ({urgency}) has nobody who takes it.\n"
        "Assign it in the queue: {link}",
    },
    "zh-CN": {
        "ring": "{name}，您好：有基层医生请求{specialty}会诊（{urgency}）。\n请登录接听或婉拒：{link}",
        "coordinator": "{name}，您好：一条{specialty}会诊请求（{urgency}）暂无专家接听。\n请在候诊队列中指派：{link}",
    },
}


def subject(notice: Notice, contact: Contact) -> str:
    """One line for the reader's language."""
    return _fill(_SUBJECT, notice, contact, "")


def body(notice: Notice, contact: Contact, public_url: str) -> str:
    """A few lines with a link to the sign-in; the link names no case."""
    return _fill(_BODY, notice, contact, f"{public_url.rstrip('/')}/")


_INVITATION = {
    "en": (
        "Tele: {title} begins at {time}",
        "{name}, you asked to be reminded: {title}, {date} {time}{place}.\nWatch it here: {link}",
        ", in {place}",
    ),
    "zh-CN": (
        "Tele：{title} {time} 开始",
        "{name}，您好：您预约的课程《{title}》将于{date} {time}开始{place}。\n观看地址：{link}",
        "，地点：{place}",
    ),
}


def invitation_words(invitation: Invitation, contact: Contact, public_url: str) -> tuple[str, str]:
    """Subject and body of a reminder, with the time as the server's clock on the wall shows it."""
    head, text, where = _INVITATION.get(contact.language, _INVITATION["en"])
    local = invitation.starts_at.astimezone()
    words = {
        "name": contact.name,
        "title": invitation.title,
        "date": f"{local:%Y-%m-%d}",
        "time": f"{local:%H:%M}",
        "place": where.format(place=invitation.place) if invitation.place else "",
        "link": f"{public_url.rstrip('/')}/lectures/{invitation.lecture}",
    }
    return head.format_map(words), text.format_map(words)


def _fill(texts: dict[str, dict[str, str]], notice: Notice, contact: Contact, link: str) -> str:
    language = contact.language if contact.language in texts else "en"
    urgency = _URGENCY[language].get(notice.urgency, notice.urgency)
    text = texts[language][notice.purpose]
    return text.format(name=contact.name, specialty=notice.specialty, urgency=urgency, link=link)
