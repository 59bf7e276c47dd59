"""Many datagrams per system call: recvmmsg and sendmmsg on memory that is allocated once."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable
from typing import Any, Final

from cffi import FFI

from signaling.media.counters import Counters
from signaling.media.transport.dtls import buffer_at, length_at

_ffi: Final = FFI()
_ffi.cdef(
    """
    struct iovec { void *iov_base; size_t iov_len; };
    struct msghdr { void *msg_name; uint32_t msg_namelen; struct iovec *msg_iov; size_t msg_iovlen;
                    void *msg_control; size_t msg_controllen; int msg_flags; };
    struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
    int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags);
    int setsockopt(int fd, int level, int name, const void *value, unsigned int size);
    int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags, void *timeout);
    """
)
_libc: Final = _ffi.dlopen(None)

# Bytes of a slot. Not a power of two: slots that begin 2,048 bytes apart compete for the same few cache lines.
STRIDE: Final = 1664
_HEADER: Final = struct.Struct("=QQQQQQ16x")
"""A struct mmsghdr: msg_name, msg_namelen, msg_iov, msg_iovlen, msg_control, msg_controllen."""
_VECTOR_SIZE: Final = 16
_LENGTH_WORD, _LENGTH_WORDS = 14, 16
"""msg_len among the 32-bit words of a struct mmsghdr."""

UDP_SEGMENT: Final = 103
"""Socket option and control message of linux/udp.h: one message is cut into datagrams of this size (Linux 4.18)."""
_SEGMENT: Final = struct.Struct("=QiiH6x")
"""A control message (struct cmsghdr) with the size of a segment in it."""
MAX_RUN: Final = 32
"""Datagrams in one message; the kernel takes 64, and 64 kB."""

Slot = tuple[memoryview, Any, Any]
"""A slot's bytes, the same as libsrtp's pointer, and the pointer to its length (the lower half of iov_len)."""


def address_of(pointer: Any) -> int:
    """A cffi pointer as a number."""
    return int(_ffi.cast("uintptr_t", pointer))


class PinnedAddress:
    """A socket address at a fixed place in memory, for as long as this object lives."""

    __slots__ = ("_memory", "pointer")

    def __init__(self, sockaddr: bytes) -> None:
        self._memory = _ffi.new("unsigned char[]", sockaddr)
        self.pointer = address_of(self._memory)


class _Arena:
    """`count` slots and the headers that point to them."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._memory = _ffi.new("unsigned char[]", count * STRIDE)
        self._vectors = _ffi.new("struct iovec[]", count)
        self._headers = _ffi.new("struct mmsghdr[]", count)
        whole = memoryview(_ffi.buffer(self._memory))
        base, vectors = address_of(self._memory), address_of(self._vectors)
        self.vectors = vectors
        self.slots: list[Slot] = []
        for index in range(count):
            self._vectors[index].iov_base = self._memory + index * STRIDE
            header = self._headers[index].msg_hdr
            header.msg_iov = self._vectors + index
            header.msg_iovlen = 1
            begin = index * STRIDE
            # iov_len lies 8 bytes into a struct iovec. Its lower half is the int that libsrtp reads and writes, so a
            # protected packet's length is already where the kernel looks for it (little-endian machines).
            self.slots.append(
                (whole[begin : begin + STRIDE], buffer_at(base + begin), length_at(vectors + index * _VECTOR_SIZE + 8))
            )
        self.headers = memoryview(_ffi.buffer(self._headers)).cast("B")


class Inbox(_Arena):
    """Receives up to `count` datagrams at once."""

    def __init__(self, count: int, name_size: int) -> None:
        super().__init__(count)
        self._names = _ffi.new("unsigned char[]", count * 32)
        self._name_size = name_size
        names = memoryview(_ffi.buffer(self._names))
        self._name_views = [names[index * 32 : index * 32 + name_size] for index in range(count)]
        for index in range(count):
            self._headers[index].msg_hdr.msg_name = self._names + index * 32
            self._headers[index].msg_hdr.msg_namelen = name_size
            self._vectors[index].iov_len = STRIDE
        self._lengths = self.headers.cast("I")
        self._filled = 0

    def receive(self, fd: int) -> int:
        """Fill slots from the socket without waiting; how many were filled."""
        # iov_len is a length for libsrtp as well: make room again where it was shortened.
        for _, _, length in self.slots[: self._filled]:
            length[0] = STRIDE
        self._filled = received = max(
            0, int(_libc.recvmmsg(fd, self._headers, self.count, socket.MSG_DONTWAIT, _ffi.NULL))
        )
        return received

    def size(self, index: int) -> int:
        """Bytes of one received datagram."""
        return self._lengths[index * _LENGTH_WORDS + _LENGTH_WORD]

    def sender(self, index: int) -> bytes:
        """The sockaddr it came from."""
        return bytes(self._name_views[index])


class Outbox(_Arena):
    """Collects datagrams and sends them with one system call. Not for use from several threads.

    Slots are filled one after the other; each is a datagram. A message is what one address gets next: one slot, or a
    run of slots that the kernel cuts apart again, which costs a third of as many messages.
    """

    def __init__(self, count: int, counters: Counters) -> None:
        super().__init__(count)
        self._counters = counters
        self._fd = -1
        self._name_size = 0
        self._deferred: list[Callable[[], None]] = []
        self.used = 0
        """Slots filled."""
        self._messages = 0
        self._ends = [0] * count
        """For each message the number of slots used with it: what is left of a batch after a refusal."""
        # A control message for each size that a segment can have, written once.
        self._controls = _ffi.new("unsigned char[]", STRIDE * _SEGMENT.size)
        controls = memoryview(_ffi.buffer(self._controls))
        for size in range(STRIDE):
            _SEGMENT.pack_into(controls, size * _SEGMENT.size, 18, socket.IPPROTO_UDP, UDP_SEGMENT, size)
        self._control = address_of(self._controls)
        self.longest_run = 1
        """Slots that one message may have: 1 where the kernel does not cut."""

    def open(self, fd: int, name_size: int) -> None:
        """Send through this socket from now on."""
        self._fd = fd
        self._name_size = name_size
        whole = _ffi.new("int *", 0)
        cuts = _libc.setsockopt(fd, socket.IPPROTO_UDP, UDP_SEGMENT, whole, _ffi.sizeof("int")) == 0
        self.longest_run = MAX_RUN if cuts else 1

    def close(self) -> None:
        """The socket is gone."""
        self._fd = -1
        self.used = self._messages = 0

    def take(self, destination: int) -> Slot:
        """The next free slot, addressed; the caller fills it and sets its length."""
        if self.used == self.count:
            self.send()
        self.address(destination, self.used, 1)
        return self.slots[self.used - 1]

    def take_back(self) -> None:
        """Undo the last `take`."""
        self.used -= 1
        self._messages -= 1

    def address(self, destination: int, begin: int, count: int) -> None:
        """Make the filled slots from `begin` on, the next free ones, a message to this socket address.

        Several slots have the same length, the last one may be shorter. 0 is nobody: the kernel refuses it.
        """
        message = self._messages
        self._messages = message + 1
        self.used = begin + count
        self._ends[message] = begin + count
        if count == 1:
            control = control_size = 0
        else:
            control = self._control + self.slots[begin][2][0] * _SEGMENT.size
            control_size = _SEGMENT.size
        _HEADER.pack_into(
            self.headers,
            message * _HEADER.size,
            destination,
            self._name_size,
            self.vectors + begin * _VECTOR_SIZE,
            count,
            control,
            control_size,
        )

    def defer(self, fill: Callable[[], None]) -> None:
        """Call this before the next flush: it has datagrams for the batch that is being collected."""
        self._deferred.append(fill)

    @property
    def expects(self) -> bool:
        """Whether something is deferred: a run that more packets may join."""
        return bool(self._deferred)

    def flush(self) -> None:
        """Send what was collected or deferred."""
        while self._deferred:
            self._deferred.pop(0)()
        self.send()

    def send(self) -> None:
        """Make room. What the kernel has no room for is dropped and counted: it would be late anyway."""
        messages, used, self._messages, self.used = self._messages, self.used, 0, 0
        if self._fd < 0 or not messages:
            return
        done = dropped = 0
        while done < messages:
            sent = _libc.sendmmsg(self._fd, self._headers + done, messages - done, socket.MSG_DONTWAIT)
            if sent > 0:
                done += sent
                continue
            if _ffi.errno == errno.EINTR:
                continue
            begin, end = self._ends[done - 1] if done else 0, self._ends[done]
            if _ffi.errno in (errno.EAGAIN, errno.ENOBUFS):
                dropped += used - begin
                self._counters.add("dropped_socket_full", used - begin)
                break
            if end - begin > 1 and _ffi.errno in (errno.EIO, errno.EINVAL, errno.EMSGSIZE):
                # The way to this one takes no segments (a tunnel, a small MTU): one by one, then.
                dropped += self._send_apart(done, begin, end)
            else:
                # This one destination is refused (no route, or its protection failed): the others are not.
                dropped += end - begin
                self._counters.add("dropped_send_refused", end - begin)
            done += 1
        self._counters.add("datagrams_out", used - dropped)

    def _send_apart(self, message: int, begin: int, end: int) -> int:
        """Send a run slot by slot; how many were refused."""
        header, refused = self._headers[message].msg_hdr, 0
        header.msg_iovlen = 1
        header.msg_control, header.msg_controllen = _ffi.NULL, 0
        for index in range(begin, end):
            header.msg_iov = self._vectors + index
            if _libc.sendmmsg(self._fd, self._headers + message, 1, socket.MSG_DONTWAIT) != 1:
                refused += 1
        self._counters.add("runs_sent_apart")
        self._counters.add("dropped_send_refused", refused)
        return refused
