"""A signed webhook: an SMS gateway, WeCom or DingTalk is told who is being rung."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import aiohttp
from yarl import URL

from tele.services.channels.channel import Contact, DeliveryFailed, Notice
from tele.services.channels.target import ForbiddenTarget, PinnedResolver, check_url
from tele.services.channels.words import body, subject

Shape = Literal["plain", "wecom", "dingtalk"]
SIGNATURE = "Tele-Signature"
ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer that are read."""


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """Posts JSON to one address; no redirect is followed. `allow_private` lets it be inside the hospital's network."""

    url: str
    secret: str
    public_url: str
    clock: Callable[[], datetime]
    shape: Shape = "plain"
    allow_private: bool = False
    timeout: float = 10.0
    """Seconds for the whole request."""
    resolver: Callable[[], PinnedResolver] | None = field(default=None)

    def reaches(self, contact: Contact) -> bool:
        # A group robot needs nobody's number; a gateway sends to a telephone.
        return self.shape != "plain" or bool(contact.phone)

    async def send(self, notice: Notice, contact: Contact) -> None:
        try:
            url = check_url(self.url, allow_private=self.allow_private)
        except (ForbiddenTarget, ValueError) as error:
            raise DeliveryFailed(str(error), final=True) from error
        content = json.dumps(self._payload(notice, contact), ensure_ascii=False).encode()
        seconds = int(self.clock().timestamp())
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Idempotency-Key": notice.delivery,
            SIGNATURE: sign(self.secret, seconds, content),
        }
        resolver = self.resolver() if self.resolver else PinnedResolver(allow_private=self.allow_private)
        connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True)
        limit = aiohttp.ClientTimeout(total=self.timeout)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=limit, trust_env=False) as session,
                session.post(self._signed(url), data=content, headers=headers, allow_redirects=False) as answer,
            ):
                self._judge(answer.status, await answer.content.read(ANSWER_LIMIT))
        except (aiohttp.ClientError, OSError) as error:
            cause = error.__cause__ if isinstance(error.__cause__, ForbiddenTarget) else error
            forbidden = isinstance(cause, ForbiddenTarget)
            raise DeliveryFailed(str(cause) if forbidden else type(error).__name__, final=forbidden) from error
        finally:
            await resolver.close()

    def _payload(self, notice: Notice, contact: Contact) -> dict[str, Any]:
        text = f"{subject(notice, contact)}\n{body(notice, contact, self.public_url)}"
        phones = [contact.phone] if contact.phone else []
        if self.shape == "wecom":
            return {"msgtype": "text", "text": {"content": text, "mentioned_mobile_list": phones}}
        if self.shape == "dingtalk":
            return {"msgtype": "text", "text": {"content": text}, "at": {"atMobiles": phones, "isAtAll": False}}
        return {
            "type": notice.purpose,
            "delivery": notice.delivery,
            "consultation": notice.consultation,
            "urgency": notice.urgency,
            "until": notice.until.isoformat().replace("+00:00", "Z") if notice.until else None,
            "to": {"name": contact.name, "phone": contact.phone, "language": contact.language},
            "text": text,
        }

    def _signed(self, url: URL) -> URL:
        """DingTalk's robots want their own signature in the query: base64 HMAC of timestamp, line end, secret."""
        if self.shape != "dingtalk" or not self.secret:
            return url
        milliseconds = str(int(self.clock().timestamp() * 1000))
        digest = hmac.digest(self.secret.encode(), f"{milliseconds}\n{self.secret}".encode(), hashlib.sha256)
        return url.update_query(timestamp=milliseconds, sign=base64.b64encode(digest).decode())

    def _judge(self, status: int, answer: bytes) -> None:
        if not 200 <= status < 300:
            # Too many, and what a server says of itself, may be better later; a client's mistake stays one.
            raise DeliveryFailed(f"status {status}", final=400 <= status < 500 and status not in (408, 425, 429))
        if self.shape == "plain":
            return
        try:
            code = json.loads(answer).get("errcode", 0)
        except (ValueError, AttributeError) as error:
            raise DeliveryFailed("the answer is not the robot's") from error
        if code != 0:
            raise DeliveryFailed(f"errcode {code}")


def sign(secret: str, seconds: int, content: bytes) -> str:
    """`t=<Unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`: a receiver refuses what is old or does not match."""
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + content, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"
