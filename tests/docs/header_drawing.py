"""docs/header.svg: the 40-pin header with the parts on the pins that the configuration names; `make docs` draws it.

Which pin is which comes from gpiozero's own table of the Raspberry Pi's header, and the pins from the defaults of
the configuration, so that a new default is drawn at its place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from gpiozero import pi_info

from edge.config_schema import ButtonsConfig, SignalsConfig

PICTURE = Path(__file__).resolve().parents[2] / "docs/header.svg"
_BOARD = 0xA02082
"""A Raspberry Pi 3 Model B; every model since the B+ has the same header."""
_STEP, _LEFT, _TOP = 40, 40, 170
"""Distance of two pins, and the place of pin 1 from the left and of the upper row from the top, in pixels."""
_COLOURS = {"green": "#2e9e4f", "amber": "#e0a000", "red": "#d03030", "buzzer": "#4060c0", "button": "#703890"}
_OTHER, _FREE, _GROUND, _POWER = "#806020", "#e8e8e8", "#404040", "#c06060"


@dataclass(frozen=True, slots=True)
class Part:
    """A part on one pin of the header."""

    name: str
    gpio: int
    """BCM number."""


def parts() -> list[Part]:
    """The parts whose pins the configuration names, with the default pins. Pin 0 stands for no part."""
    signals = SignalsConfig()
    lights = [Part(f"{name} LED", getattr(signals, name)) for name in ("green", "amber", "red")]
    pins = {name: getattr(ButtonsConfig(), f"{name}_pin") for name in ("in", "out", "break", "tamper", "motion")}
    buttons = [Part(f"button {name.upper()}", gpio) for name, gpio in pins.items()]
    return [part for part in (*lights, Part("buzzer", signals.buzzer), *buttons) if part.gpio]


def picture(fitted: Mapping[int, str]) -> str:
    """The drawing as SVG; `fitted` gives the part on each used pin, by BCM number."""
    header = pi_info(_BOARD).headers["J8"]
    width, height = 2 * _LEFT + 19 * _STEP, 2 * _TOP + _STEP
    shapes = [
        f'<rect x="{_LEFT - 20}" y="{_TOP - 20}" width="{20 * _STEP}" height="{2 * _STEP}" rx="6" fill="#222"/>'
    ]
    for number, pin in header.pins.items():
        upper = number % 2 == 0  # the even pins lie at the edge of the board
        x, y = _LEFT + (number - 1) // 2 * _STEP, _TOP + (0 if upper else _STEP)
        gpio = int(pin.name.removeprefix("GPIO")) if pin.name.startswith("GPIO") else None
        part = fitted.get(gpio) if gpio is not None else None
        shapes.append(f'<circle cx="{x}" cy="{y}" r="14" fill="{_colour(pin.name, part)}"/>')
        ink = "#222" if part is None and gpio is not None else "#fff"
        shapes.append(f'<text x="{x}" y="{y + 4}" text-anchor="middle" fill="{ink}">{number}</text>')
        label = pin.name if part is None else f"{part} · {pin.name}"
        weight = ' font-weight="bold"' if part else ' fill="#777"'
        turn = f'transform="rotate({-60 if upper else 60} {x} {y})"'
        shapes.append(f'<text x="{x + 27}" y="{y + 4}" {turn}{weight}>{escape(label)}</text>')
    title = "The 40-pin header, pin 1 at the left of the lower row; the board's edge is above"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12" role="img">\n<title>{title}</title>\n<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(shapes)
        + "\n</svg>\n"
    )


def _colour(name: str, part: str | None) -> str:
    if part is not None:
        return _COLOURS.get(part.split()[0], _OTHER)
    return _GROUND if name == "GND" else _POWER if name in {"3V3", "5V"} else _FREE


def drawn() -> str:
    """The picture as the configuration is today."""
    return picture({part.gpio: part.name for part in parts()})


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
