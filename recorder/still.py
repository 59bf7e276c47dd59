"""A picture that stands: the few bytes that show once more what a decoder shows, while pictures are missing.

`onward` follows the last picture and can be followed by another such, but by nothing of the encoder's before a
keyframe. `aside` disturbs nobody: what the encoder sends next can still be decoded. Either is None where it cannot be
made of what is there.
"""

from __future__ import annotations

from recorder import still_h264
from recorder.codec import Config
from recorder.vp9 import shown_again


def onward(config: Config, last: bytes) -> bytes | None:
    """A sample to follow the sample `last`, decoded under `config`."""
    return shown_again(last) if config.codec == "VP9" else still_h264.onward(config, last)


def aside(config: Config, last: bytes) -> bytes | None:
    """A sample to stand between `last` and the encoder's next."""
    return shown_again(last) if config.codec == "VP9" else still_h264.aside(config, last)
