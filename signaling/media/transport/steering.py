"""A second socket on the same port for what can wait: the kernel sorts, and nobody is woken for it.

Transport-cc feedback is most of what subscribers send, and nothing is done about it before the next choice. Read by and
by, many messages at once, it costs a fraction of what it does when each one wakes the process (docs/media-plane.md).
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
from typing import Final

from signaling.media.packets.rtcp import TRANSPORT_CC, TRANSPORT_FEEDBACK

SO_ATTACH_REUSEPORT_CBPF: Final = 51
"""Of asm-generic/socket.h (Linux 4.5): a classic BPF program chooses among the sockets of a port, by their order."""

BUFFER: Final = 1 << 20

_LOAD_BYTE, _AND, _IF_EQUAL, _RETURN = 0x30, 0x54, 0x15, 0x06
"""Instructions of linux/bpf_common.h: BPF_LD|B|ABS, BPF_ALU|AND|K, BPF_JMP|JEQ|K, BPF_RET|K."""
_INSTRUCTION: Final = struct.Struct("=HBBI")
_FIRST: Final = 0x80 | TRANSPORT_CC
_PROGRAM: Final = (
    (_LOAD_BYTE, 0, 0, 0),
    (_AND, 0, 0, 0xDF),  # padding or not
    (_IF_EQUAL, 0, 3, _FIRST),
    (_LOAD_BYTE, 0, 0, 1),
    (_IF_EQUAL, 0, 1, TRANSPORT_FEEDBACK),
    (_RETURN, 0, 0, 1),
    (_RETURN, 0, 0, 0),
)
"""RTCP of version 2 with FMT 15 and type 205 (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1), in the clear
also when it is encrypted (RFC 3711 §3.4), goes to socket 1; all else to socket 0."""


def can_wait(first: int, second: int) -> bool:
    """Whether a datagram with these first two bytes is one that the program puts aside."""
    return first & 0xDF == _FIRST and second == TRANSPORT_FEEDBACK


def second_socket(sock: socket.socket) -> socket.socket | None:
    """A socket bound like this one, for what can wait; None where the kernel does not sort.

    The port stays taken: only a program of the same user that asks for it could share it.
    """
    code = b"".join(_INSTRUCTION.pack(*instruction) for instruction in _PROGRAM)
    memory = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(_PROGRAM), ctypes.addressof(memory))
    with contextlib.ExitStack() as undo:
        patient = undo.enter_context(contextlib.closing(socket.socket(sock.family, socket.SOCK_DGRAM)))
        try:
            patient.setblocking(False)
            if sock.family == socket.AF_INET6:
                dual = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
                patient.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, dual)
            patient.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            # Not before the port is ours: it would be shared with whoever has it.
            for each in (sock, patient):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            patient.bind(sock.getsockname())
            sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program)
        except OSError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
            return None
        undo.pop_all()
    return patient
