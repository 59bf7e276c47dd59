"""Channels: the ways to reach a person who has no page open. Each is a plug-in; a site configures which there are."""

from __future__ import annotations

from tele.services.channels.channel import (
    Channel,
    Channels,
    Contact,
    DeliveryFailed,
    Invitation,
    Mailer,
    Notice,
    Purpose,
)

__all__ = ["Channel", "Channels", "Contact", "DeliveryFailed", "Invitation", "Mailer", "Notice", "Purpose"]
