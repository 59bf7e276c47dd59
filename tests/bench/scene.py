"""A moving picture for a browser's fake camera that costs as many bits as a person before a wall does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT, FPS, FRAMES = 640, 360, 20, 60
"""Small enough that a machine of two cores encodes and decodes it several times over beside a server."""

Picture = npt.NDArray[np.uint8]


def write_scene(file: Path, seed: int = 1) -> None:
    """A Y4M for `--use-file-for-fake-video-capture`: three seconds that join their own beginning."""
    chance = np.random.default_rng(seed)
    wall = _soft(chance.integers(70, 180, (HEIGHT // 8 + 1, WIDTH // 8 + 1)).astype(np.float64))
    cloth = chance.integers(40, 210, (200, 160)).astype(np.float64)
    with file.open("wb") as out:
        out.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(FRAMES):
            turn = 2 * np.pi * number / FRAMES
            luma = wall + chance.normal(0, 2, wall.shape)
            top, left = 120 + int(14 * np.sin(turn)), 230 + int(36 * np.sin(2 * turn))
            luma[top : top + 200, left : left + 160] = 0.5 * cloth + 60
            out.write(b"FRAME\n" + np.clip(luma, 0, 255).astype(np.uint8).tobytes())
            out.write(_flat(118).tobytes() + _flat(136).tobytes())


def _soft(coarse: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A coarse grid as a smooth picture."""
    rows = np.linspace(0, coarse.shape[0] - 1.001, HEIGHT)
    columns = np.linspace(0, coarse.shape[1] - 1.001, WIDTH)
    r, c = rows.astype(int)[:, None], columns.astype(int)[None, :]
    down, right = rows[:, None] - r, columns[None, :] - c
    upper = coarse[r, c] * (1 - right) + coarse[r, c + 1] * right
    lower = coarse[r + 1, c] * (1 - right) + coarse[r + 1, c + 1] * right
    made: npt.NDArray[np.float64] = upper * (1 - down) + lower * down
    return made


def _flat(value: int) -> Picture:
    return np.full((HEIGHT // 2, WIDTH // 2), value, np.uint8)
