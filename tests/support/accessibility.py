"""axe-core in a page: what its rules find."""

import json
from pathlib import Path
from typing import Any

from tests.support.chromium import ChromiumPage

AXE = Path(__file__).resolve().parents[1] / "axe/axe.min.js"
_RUN = """axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => JSON.stringify(violations.map(
  ({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(
    (one) => `${one.html.slice(0, 200)} ${one.failureSummary}`) })
)))"""
_GRAVE = {"serious", "critical"}


def load_axe(page: ChromiumPage) -> None:
    """Put axe-core into the page, beside what the page's own policy allows."""
    page.run(f"{AXE.read_text(encoding='utf-8')}\n;0")


def grave_problems(page: ChromiumPage) -> list[dict[str, Any]]:
    """What axe-core calls serious or critical in the page as it is now."""
    found: list[dict[str, Any]] = json.loads(page.run(_RUN))
    return [one for one in found if one["impact"] in _GRAVE]
