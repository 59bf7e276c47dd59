"""A stock Firefox, as the distribution has it, driven by Playwright over WebDriver BiDi."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Playwright

from tests.peers import HERE, use_packaged_node

PREFERENCES: Final[dict[str, str | float | bool]] = {
    "media.navigator.streams.fake": True,  # a camera of changing colours, a tone
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,  # media may play without a click, as in the Chromium of these tests
    "media.gmp-manager.updateEnabled": False,  # nothing is fetched: in calls there is then no H264, as in Debian's
}

HEARD: Final = """
(() => {
  const heard = new WeakMap();
  const decoder = new OfflineAudioContext(1, 1, 48_000);
  const listen = (element) => {
    const stream = element.mozCaptureStream();
    let loud = 0;
    const note = async ({ data }) => {
      const sound = await decoder.decodeAudioData(await data.arrayBuffer());
      loud += sound.getChannelData(0).filter((sample) => Math.abs(sample) > 0.001).length;
    };
    const record = () => {
      const tracks = stream.getAudioTracks().filter(({ readyState }) => readyState === 'live');
      if (!tracks.length) return void setTimeout(record, 100);
      const recorder = new MediaRecorder(new MediaStream(tracks), { mimeType: 'audio/ogg' });
      recorder.addEventListener('dataavailable', (event) => void note(event).catch(() => undefined));
      recorder.addEventListener('stop', record);
      recorder.start();
      setTimeout(() => recorder.state === 'inactive' || recorder.stop(), 500);
    };
    record();
    return () => loud;
  };
  Object.defineProperty(HTMLMediaElement.prototype, 'webkitAudioDecodedByteCount', {
    get() {
      if (!heard.has(this)) heard.set(this, listen(this));
      return heard.get(this)();
    },
  });
})();
"""
"""Firefox does not tell how much sound an element has decoded. In its place: how many samples were to be heard.
Recorded in pieces that are decoded offline, for an AudioContext takes a loudspeaker, which the machine may not have."""


OLDEST: Final = 141
"""140 does not know a command of WebDriver BiDi on which Playwright insists (network.addDataCollector)."""


@cache
def installed() -> str | None:
    """The path of the browser: `FIREFOX` if it is set, else Debian's, else whichever is found; None without any, or
    where it is too old to be driven."""
    found = os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
    if found is None or shutil.which(found) is None:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    version = re.search(r"Firefox (\d+)", said)
    return found if version and int(version[1]) >= OLDEST else None


@asynccontextmanager
async def firefox(playwright: Playwright, folder: Path) -> AsyncIterator[Browser]:
    """A fresh headless Firefox with fake camera and microphone; `folder` takes what starts it."""
    executable = installed()
    assert executable is not None
    start = folder / "firefox"
    start.write_text(
        f"#!/bin/sh\ncd {shlex.quote(str(HERE.parent))} && "
        f'exec {shlex.quote(sys.executable)} -m tests.firefox_bidi {shlex.quote(executable)} "$@"\n'
    )
    start.chmod(0o755)
    use_packaged_node()
    browser = await playwright.firefox.launch(
        channel="moz-firefox", executable_path=start, firefox_user_prefs=PREFERENCES
    )
    try:
        yield browser
    finally:
        await browser.close()
