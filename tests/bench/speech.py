"""Speech to send through a call, and how much of it is understood at the other end (STOI, Taal et al. 2011).

STOI compares short-time spectra of what was said with what arrived: 1 is untouched, noise alone has some 0.4, and from
0.75 on nearly every word is understood. It compares what lies at the same moment. A receiver plays a little faster or
slower while its buffer adapts, which nobody hears: so what was said is laid beside what was heard bit by bit.
"""

from __future__ import annotations

import ctypes
import functools
import wave
from pathlib import Path
from typing import Any

import espeakng_loader
import numpy as np
import numpy.typing as npt
from pystoi import stoi
from scipy.signal import correlate, resample_poly

Samples = npt.NDArray[np.float64]

RATE = 10_000
"""Samples a second that STOI is defined for."""
WINDOW = 3.0
"""Seconds judged at a time: each is aligned anew."""
BIT = 0.25
"""Seconds of a window that are laid beside what was said at a time."""
SLACK = 0.15
"""Seconds by which a receiver may have stretched or shortened what lies between two bits."""
WORDS = (
    "The patient is sixty three years old and has had chest pain for forty minutes. "
    "Her blood pressure is one hundred and forty eight over ninety two. "
    "Please give aspirin now, repeat the electrocardiogram, and call the ambulance at once. "
    "She takes metformin and amlodipine, and she has no known allergies."
)
_SYNCHRONOUS, _UTF8 = 2, 1


@functools.lru_cache(maxsize=1)
def spoken(words: str = WORDS) -> tuple[int, npt.NDArray[np.int16]]:
    """(samples a second, samples) of a synthetic voice."""
    espeak = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = espeak.espeak_Initialize(_SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), 0)
    if rate <= 0:
        raise RuntimeError("the speech synthesiser did not start")
    taken: list[npt.NDArray[np.int16]] = []

    def take(samples: Any, count: int, _: object) -> int:
        if samples and count:
            taken.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)(take)
    espeak.espeak_SetSynthCallback(callback)
    text = words.encode() + b"\0"
    espeak.espeak_Synth(text, len(text), 0, 0, 0, _UTF8, None, None)
    espeak.espeak_Synchronize()
    espeak.espeak_Terminate()
    return rate, np.concatenate(taken)


def write(file: Path, samples: npt.NDArray[np.int16], rate: int) -> None:
    """A mono WAV for `--use-file-for-fake-audio-capture`, which plays it over and over."""
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.astype("<i2").tobytes())


def write_speech(file: Path) -> None:
    """The spoken words."""
    rate, samples = spoken()
    write(file, samples, rate)


def write_silence(file: Path, seconds: int = 10) -> None:
    """A microphone before which nobody speaks: room noise of -70 dB or so."""
    noise = np.random.default_rng(1).normal(0, 8, seconds * 48_000)
    write(file, noise.astype(np.int16), 48_000)


def at_rate(samples: npt.NDArray[Any], rate: int) -> Samples:
    """Floats in ±1 at STOI's rate."""
    common = int(np.gcd(rate, RATE))
    made: Samples = resample_poly(samples.astype(np.float64) / 32_768, RATE // common, rate // common)
    return made


def said() -> Samples:
    """The words as STOI compares them."""
    rate, samples = spoken()
    return at_rate(samples, rate)


def intelligibility(heard: Samples, original: Samples) -> list[float]:
    """STOI of each whole window of `heard`, which repeats `original` from an unknown point on."""
    twice = np.concatenate([original, original])
    width = int(WINDOW * RATE)
    return [
        _judge(heard[start : start + width], twice, len(original))
        for start in range(0, len(heard) - width + 1, width)
    ]  # fmt: skip


def _judge(window: Samples, twice: Samples, period: int) -> float:
    """STOI of one window where it fits best. Silence fits nowhere: 0."""
    if float(np.sqrt(np.mean(window**2))) < 1e-4:
        return 0.0
    at = _best(twice, window)[0] % period
    return max(0.0, float(stoi(_beside(window, np.concatenate([twice, twice]), at + period), window, RATE)))


def _beside(window: Samples, original: Samples, at: int) -> Samples:
    """What was said in the pace in which it was heard: each bit from where it fits best, from the middle outwards."""
    width, slack = int(BIT * RATE), int(SLACK * RATE)
    made = original[at : at + len(window)].copy()
    starts = list(range(0, len(window) - width + 1, width))
    middle = len(starts) // 2
    for row in (starts[middle:], starts[:middle][::-1]):
        shift = 0
        for start in row:
            piece = window[start : start + width]
            place = at + start + shift
            found, likeness = _best(original[place - slack : place + slack + width], piece)
            if likeness > 0.5:  # a pause fits anywhere
                shift += found - slack
            made[start : start + width] = original[at + start + shift : at + start + shift + width]
    return made


def _best(signal: Samples, piece: Samples) -> tuple[int, float]:
    """Where in a signal a piece fits best, and how well: 1 is the same, 0 nothing in common."""
    fit = correlate(signal, piece, "valid", method="fft")
    energy = _energy(signal, len(piece))[: len(fit)]
    like = fit / np.sqrt((energy + 1e-9) * (float(np.sum(piece**2)) + 1e-9))
    at = int(np.argmax(like))
    return at, float(like[at])


def _energy(signal: Samples, width: int) -> Samples:
    """Energy of each stretch of `width` samples."""
    total = np.concatenate([[0.0], np.cumsum(signal**2)])
    energy: Samples = total[width:] - total[:-width]
    return energy
