"""CABAC as far as a slice without content needs it: one context, always its likelier symbol (ITU-T H.264 §9.3.4.2)."""

from __future__ import annotations

from recorder.bits import BitWriter

_RANGES = bytes.fromhex(
    "80b0d0f080a7c5e3809ebbd87b96b2cd748ea9c36f87a0b9698098af647a90a65f74899e5a6e829655687b8e516375874d5e6f804959697a"
    "4555647442505f6e3e4c5a683b4856633845515e35414d59333e4955303b45502e38424c2b353f4829323b4527303841252d363e232b333b"
    "2129303820272e351e252b321d2329301b21272d1a1f252b181e2329171c2127161b2025151a1e2314181d2113171b1f12161a1e1115191c"
    "1014171b0f1316190e1215180e1114170d1013160c0f12150c0e11140b0e10130b0d0f120a0c0f110a0c0e10090b0d0f090b0c0e080a0c0e"
    "08090b0d07090b0c07090a0c07080a0b0608090b0607090a06070809"
)
"""rangeTabLPS (table 9-44): of each state the less likely symbol's share, by the quarter in which the range lies."""

_STATE = 6
"""Where mb_skip_flag of a P slice begins at a quality of 26, "skipped" being likelier (table 9-13)."""

_LIKELIEST = 62
"""The state in which the likelier symbol is the likeliest; it stays there (table 9-45)."""


def skip_all(bits: BitWriter, macroblocks: int) -> None:
    """mb_skip_flag of every macroblock, and the end of the slice with its stop bit. The bit string is aligned."""
    coder = _Coder(bits)
    state = _STATE
    for left in range(macroblocks - 1, -1, -1):
        coder.likelier(state)
        state = min(state + 1, _LIKELIEST)
        coder.terminate(left == 0)


class _Coder:
    """The arithmetic encoder (§9.3.4.2)."""

    def __init__(self, bits: BitWriter) -> None:
        self._bits = bits
        self._low = 0
        self._range = 510
        self._outstanding = 0
        self._first = True

    def likelier(self, state: int) -> None:
        """EncodeDecision of the likelier symbol."""
        self._range -= _RANGES[state * 4 + (self._range >> 6 & 3)]
        self._renormalise()

    def terminate(self, end: bool) -> None:
        """EncodeTerminate; at the end EncodeFlush, whose last bit is rbsp_stop_one_bit."""
        self._range -= 2
        if end:
            self._low += self._range
            self._range = 2
            self._renormalise()
            self._put(self._low >> 9 & 1)
            self._bits.u(2, self._low >> 7 & 3 | 1)
        else:
            self._renormalise()

    def _renormalise(self) -> None:
        while self._range < 256:
            if self._low < 256:
                self._put(0)
            elif self._low >= 512:
                self._low -= 512
                self._put(1)
            else:
                self._low -= 256
                self._outstanding += 1
            self._range <<= 1
            self._low <<= 1

    def _put(self, bit: int) -> None:
        if self._first:
            self._first = False
        else:
            self._bits.u(1, bit)
        if self._outstanding:
            self._bits.u(self._outstanding, (1 << self._outstanding) - 1 if not bit else 0)
            self._outstanding = 0
