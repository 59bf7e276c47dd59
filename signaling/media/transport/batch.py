"""Many datagrams per system call: recvmmsg and sendmmsg on memory that is allocated once."""

from __future__ import annotations

import errno
import socket
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
    int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags, void *timeout);
    """
)
_libc: Final = _ffi.dlopen(None)

# Bytes of a slot. Not a power of two: slots that begin 2,048 bytes apart compete for the same few cache lines.
STRIDE: Final = 1664
_HEADER_WORDS: Final = 8
"""A struct mmsghdr is 64 bytes, eight 64-bit words; msg_name is the first, msg_len the lower half of the last."""

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
                (whole[begin : begin + STRIDE], buffer_at(base + begin), length_at(vectors + index * 16 + 8))
            )
        self.headers = memoryview(_ffi.buffer(self._headers)).cast("B")

    def set_name_length(self, size: int) -> None:
        for index in range(self.count):
            self._headers[index].msg_hdr.msg_namelen = size


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
            self._vectors[index].iov_len = STRIDE
        self.set_name_length(name_size)
        self._lengths = self.headers.cast("I")

    def receive(self, fd: int) -> int:
        """Fill slots from the socket without waiting; how many were filled."""
        # iov_len is a length for libsrtp as well: make room again where it was shortened.
        for _, _, length in self.slots:
            length[0] = STRIDE
        received: int = _libc.recvmmsg(fd, self._headers, self.count, socket.MSG_DONTWAIT, _ffi.NULL)
        return max(received, 0)

    def size(self, index: int) -> int:
        """Bytes of one received datagram."""
        return self._lengths[index * 16 + 14]

    def sender(self, index: int) -> bytes:
        """The sockaddr it came from."""
        return bytes(self._name_views[index])


class Outbox(_Arena):
    """Collects datagrams and sends them with one system call. Not for use from several threads."""

    def __init__(self, count: int, counters: Counters) -> None:
        super().__init__(count)
        self._counters = counters
        self._fd = -1
        self.used = 0
        self.names = self.headers.cast("Q")
        """Word `8 * index` is the address of that slot's destination."""

    def open(self, fd: int, name_size: int) -> None:
        """Send through this socket from now on."""
        self._fd = fd
        self.set_name_length(name_size)

    def close(self) -> None:
        """The socket is gone."""
        self._fd = -1
        self.used = 0

    def take(self, destination: int) -> Slot:
        """The next free slot, addressed; the caller fills it and sets its length."""
        if self.used == self.count:
            self.flush()
        index = self.used
        self.used = index + 1
        self.names[index * _HEADER_WORDS] = destination
        return self.slots[index]

    def take_back(self) -> None:
        """Undo the last `take`."""
        self.used -= 1

    def flush(self) -> None:
        """Send what was collected. What the kernel has no room for is dropped and counted: it would be late anyway."""
        used, self.used = self.used, 0
        if self._fd < 0:
            return
        sent = 0
        while sent < used:
            done = _libc.sendmmsg(self._fd, self._headers + sent, used - sent, socket.MSG_DONTWAIT)
            if done > 0:
                sent += done
                continue
            if _ffi.errno == errno.EINTR:
                continue
            if _ffi.errno in (errno.EAGAIN, errno.ENOBUFS):
                self._counters.add("dropped_socket_full", used - sent)
                break
            # This one destination is refused (no route, or its protection failed): the others are not.
            self._counters.add("dropped_send_refused")
            sent += 1
        self._counters.add("datagrams_out", sent)
