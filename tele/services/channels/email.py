"""E-mail through the site's own mail server (RFC 5321), with TLS as it is configured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

import aiosmtplib

from tele.services.channels.channel import Contact, DeliveryFailed, Invitation, Notice
from tele.services.channels.words import body, invitation_words, subject


@dataclass(frozen=True, slots=True)
class EmailChannel:
    """Sends one plain-text message to the practitioner's address."""

    host: str
    port: int
    sender: str
    public_url: str
    username: str = ""
    password: str = ""
    starttls: bool = True
    timeout: float = 15.0
    """Seconds for the whole conversation with the mail server."""

    def reaches(self, contact: Contact) -> bool:
        return bool(contact.email)

    async def send(self, notice: Notice, contact: Contact) -> None:
        await self._post(
            contact, subject(notice, contact), body(notice, contact, self.public_url), notice.delivery, notice.at
        )

    async def invite(self, invitation: Invitation, contact: Contact) -> None:
        head, text = invitation_words(invitation, contact, self.public_url)
        # The same lecture and reader again is the same message, whatever node sends it.
        await self._post(contact, head, text, f"{invitation.lecture}.{contact.practitioner}", datetime.now(UTC))

    async def _post(self, contact: Contact, head: str, text: str, name: str, at: datetime) -> None:
        message = EmailMessage()
        try:
            message["From"] = self.sender
            message["To"] = contact.email or ""
            message["Subject"] = head
        except ValueError as error:  # a line end in an address: never let it start a header of its own
            raise DeliveryFailed("the address cannot stand in a mail", final=True) from error
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{name}@{parseaddr(self.sender)[1].partition('@')[2] or 'tele'}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: no vacation replies to this
        message.set_content(text)
        try:
            await aiosmtplib.send(
                message,
                hostname=self.host,
                port=self.port,
                start_tls=self.starttls,
                username=self.username or None,
                password=self.password or None,
                timeout=self.timeout,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            final = all(500 <= each.code < 600 for each in error.recipients)
            raise DeliveryFailed("the mail server refused the address", final=final) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise DeliveryFailed(f"the mail server: {type(error).__name__}") from error
