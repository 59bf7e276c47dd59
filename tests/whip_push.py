"""FFmpeg's own WHIP muxer as a device: `python -m tests.whip_push URL TOKEN SECONDS`, in a process of its own.

It is a WebRTC stack that nobody here wrote. PyAV holds the interpreter while it waits for the network, so that a server
in the same process would never answer it. Prints `started` when the first packet is out, `ended` when all is said.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import av.container
import numpy
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

RATE = 25
SAMPLES = 960
"""Of one Opus frame: 20 ms at 48 kHz."""


def push(url: str, token: str, seconds: float, profile: str = "baseline") -> None:
    """Send a moving picture and a tone, in real time; the end of the container is a DELETE."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = identity(Path(folder))
        own = {"cert_file": str(certificate), "key_file": str(key)}
        with av.open(url, "w", format="whip", options={"authorization": token, **own}) as out:
            _play(out, seconds, profile)
    print("ended", flush=True)


def identity(folder: Path) -> tuple[Path, Path]:
    """A certificate on P-256. By itself FFmpeg over GnuTLS makes one on P-224, which OpenSSL 4 takes from nobody."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "device")])
    begin = datetime.now(UTC) - timedelta(days=1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(begin)
    certificate = made.not_valid_after(begin + timedelta(days=30)).sign(key, hashes.SHA256())
    paths = folder / "device.crt", folder / "device.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)
    )
    return paths


def _play(out: av.container.OutputContainer, seconds: float, profile: str) -> None:
    video = out.add_stream("libx264", rate=RATE)
    video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
    video.options = {"profile": profile, "preset": "ultrafast", "tune": "zerolatency", "g": "25", "bf": "0"}
    audio = out.add_stream("libopus", rate=48_000)
    audio.layout = "stereo"
    begun = time.monotonic()
    for number in range(int(seconds * RATE)):
        picture = numpy.zeros((360, 640, 3), dtype=numpy.uint8)
        picture[:, number * 8 % 600 : number * 8 % 600 + 40] = (250, 120, 30)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, RATE)
        out.mux(video.encode(frame))
        for part in range(2):
            at = (number * 2 + part) * SAMPLES
            wave = numpy.sin((at + numpy.arange(SAMPLES)) * 0.0576) * 0.3
            sound = av.AudioFrame.from_ndarray(numpy.stack([wave, wave]).astype("f4"), "fltp", "stereo")
            sound.sample_rate, sound.pts, sound.time_base = 48_000, at, Fraction(1, 48_000)
            out.mux(audio.encode(sound))
        if number == 0:
            print("started", flush=True)
        time.sleep(max(0.0, begun + (number + 1) / RATE - time.monotonic()))


if __name__ == "__main__":
    push(sys.argv[1], sys.argv[2], float(sys.argv[3]), *sys.argv[4:5])
