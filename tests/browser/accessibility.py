"""Pages held against axe-core: what it calls serious or critical is a failure, named by its rule and the elements."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.browser.people import Person

AXE: Final = Path(__file__).resolve().parents[2] / "web_client/node_modules/axe-core/axe.min.js"
_RUN = """
async () => {
  const found = await axe.run(document, { resultTypes: ['violations'] });
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id} (${help}): ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
}
"""


async def barriers(who: Person) -> list[str]:
    """What keeps people from using the page as it stands now."""
    await who.page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[str] = await who.page.evaluate(_RUN)
    return found
