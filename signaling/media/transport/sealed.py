"""Protect and send one packet outside the forwarding loop: RTCP, retransmissions, and everything on TCP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from signaling.media.transport.batch import Outbox
from signaling.media.transport.mux import Path


def send_sealed(
    outbox: Outbox,
    path: Path,
    session: Any,
    seal: Callable[[Any, Any, Any], int],
    packet: bytes | bytearray,
    *,
    droppable: bool,
) -> bool:
    """Send one packet by `path`, sealed with `protect` or `protect_rtcp`; False when it was refused or dropped.

    On UDP it leaves with the batch that is being collected.
    """
    view, buffer, length = outbox.take(path.pointer)
    view[: len(packet)] = packet
    length[0] = len(packet)
    refused = seal(session, buffer, length)
    if not refused and path.connection is None:
        return True
    outbox.take_back()
    return (
        not refused
        and path.connection is not None
        and path.connection.send(bytes(view[: length[0]]), droppable=droppable)
    )
