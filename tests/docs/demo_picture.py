"""The picture of `make demo` in the README: docs/demo.svg, drawn from the real output by `make picture`."""

import io
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

PICTURE = Path(__file__).resolve().parents[2] / "docs/demo.svg"
_COLUMNS = 98
_THEME = TerminalTheme((24, 26, 31), (222, 222, 222), [(90, 90, 90)] * 8, [(150, 150, 150)] * 8)
_LAMPS = {"G": "bold #5fd75f", "A": "bold #ffb454", "R": "bold #ff6b6b"}
_LINE = re.compile(r"^\d\d:\d\d:\d\d\.\d{3}  (?P<lamps>[GAR·] [GAR·] [GAR·])  ")
# rich's own frame loads a font from another server; this one takes the font that the reader has.
_FRAME = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>The output of make demo</title>
<style>.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px; line-height: {line_height}px; }}
{styles}</style>
<defs>{lines}</defs>
<rect width="100%" height="100%" rx="8" fill="#181a1f"/>
<g transform="translate({terminal_x}, 12)">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def drawn(output: str) -> str:
    """The SVG of what the demo printed; the colours of the lamps are the terminal's."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), color_system="truecolor")
    for line in output.strip().splitlines():
        console.print(_coloured(line.rstrip()), no_wrap=True, crop=True)
    return console.export_svg(theme=_THEME, code_format=_FRAME, unique_id="demo")


def _coloured(line: str) -> Text:
    text = Text(line)
    found = _LINE.match(line)
    if found is None:
        text.stylize("dim" if line.startswith(" ") else "bold")
        return text
    text.stylize("dim", 0, found.start("lamps"))
    for at in range(*found.span("lamps")):
        if style := _LAMPS.get(line[at]):
            text.stylize(style, at, at + 1)
            text.stylize(style, found.end())
    return text


if __name__ == "__main__":
    demo = subprocess.run([sys.executable, "-m", "edge", "demo"], check=True, capture_output=True, text=True)
    PICTURE.write_text(drawn(demo.stdout))
