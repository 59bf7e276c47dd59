"""What an empty server does at its first start: makes the demo consortium and says how to get in."""

from __future__ import annotations

from tele.paths import config_file
from tele.services.context import Services
from tele.services.demo import create_demo, read_demo
from tele.settings import Settings


async def greet(services: Services, settings: Settings) -> tuple[str, ...]:
    """Make the demo accounts where nobody has an account; returns the lines to print at start."""
    lines = [f"Tele is ready: {settings.public_url}"]
    if settings.demo.enabled:
        password = settings.demo.password.get_secret_value()
        created = await create_demo(services, read_demo(config_file("demo.yaml")), password)
        if created:
            lines.append(
                f"WARNING: demo accounts were made, all with the password {password!r}. Not for real patients."
            )
            lines += [f"  {each.username:8} {each.name:20} {', '.join(each.roles)}" for each in created]
            lines.append("For real use start with TELE_DEMO__ENABLED=false and an empty data directory (see README).")
    return tuple(lines)
