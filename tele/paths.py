"""Where the installed program finds its own data: config/, the built web client."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent


def config_file(name: str) -> Path:
    """A file of config/, in a checkout or inside the installed package."""
    packaged = PACKAGE / "_config" / name
    return packaged if packaged.is_file() else CHECKOUT / "config" / name


def web_client() -> Path:
    """The folder of the built web client (index.html, assets/, fonts/)."""
    packaged = PACKAGE / "_web"
    return packaged if packaged.is_dir() else CHECKOUT / "web_client" / "dist"
