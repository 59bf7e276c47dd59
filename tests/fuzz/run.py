"""One fuzz target under atheris: `python -m tests.fuzz.run NAME [libFuzzer's options and corpus folders]`."""

from __future__ import annotations

import importlib
import sys

INSTRUMENTED = ["signaling.media", "signaling.messages", "recorder", "aiortc.sdp"]
"""What coverage is looked for in."""


def main() -> None:
    """Fuzz until libFuzzer's own limits; ends the process."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=INSTRUMENTED):
        targets = importlib.import_module("tests.fuzz.targets")
    name = sys.argv.pop(1)
    target = targets.TARGETS[name]
    atheris.Setup([*sys.argv, f"-max_len={target.max_size}"], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
