"""Drawings for the pages of the evaluations, as SVG: error rates against each other, and distributions of scores.

matplotlib draws them without a display, and the same figures give the same bytes.
"""

import contextlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

Curves = Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
"""What is drawn across and up, by the curve's name; "" is not written."""
_FLOOR = 1e-4
"""The rate at which a logarithmic axis begins; what is rarer, or never was, is drawn there."""
_TICKS = tuple(10.0**power for power in range(-4, 1))
_SIZE = (5.0, 3.6)
"""Inches, of 96 pixels each in a browser."""
_COLOURS = ("#0066cc", "#cc3300", "#008833", "#880088")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing, or why there is none."""

    says: str
    """What it shows, for whoever cannot see it; without a drawing, why."""
    svg: Markup | None = None


def error_rates(across: str, up: str, curves: Curves, mark: tuple[float, float] | None = None) -> Drawing:
    """Curves of one error rate against another on logarithmic axes, with a dot at `mark`."""
    seen = {name: (np.maximum(one, _FLOOR), np.maximum(other, _FLOOR)) for name, (one, other) in curves.items()}
    with _settings():
        figure, axes = _begin(across, up, seen)
        axes.set(xscale="log", yscale="log", xlim=(_FLOOR, 1), ylim=(_FLOOR, 1))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks(_TICKS, [f"{100 * rate:g} %" for rate in _TICKS])
            axis.set_ticks([], minor=True)
        axes.grid(color="#dddddd")
        if mark is not None:
            axes.plot(*([max(rate, _FLOOR)] for rate in mark), "o", color=_COLOURS[1], clip_on=False)
        return _end(figure, f"DET: {up} against {across}")


def distributions(across: str, up: str, curves: Curves) -> Drawing:
    """Curves of shares over cosines."""
    with _settings():
        figure, axes = _begin(across, up, curves)
        axes.set(xlim=(-1, 1), xticks=(-1, -0.5, 0, 0.5, 1), ylim=(0, None), yticks=())
        return _end(figure, f"scores: {up} against {across}")


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """Whatever the user's own file of settings says; words stay words, and no id in the SVG is drawn by chance."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rc("svg", fonttype="none", hashsalt="smartclocker")
        mpl.rc("font", size=9)
        mpl.rc("text", parse_math=False)
        yield


def _begin(across: str, up: str, curves: Curves) -> tuple[Figure, Axes]:
    figure = Figure(_SIZE, layout="constrained")
    axes = figure.add_subplot(xlabel=across, ylabel=up)
    axes.set_prop_cycle(color=_COLOURS)
    axes.spines[["top", "right"]].set_visible(False)
    for number, (name, (first, second)) in enumerate(curves.items()):
        axes.plot(first, second, label=name, gid=f"curve-{across.partition(' ')[0]}-{number}")
    if any(curves):
        axes.legend(frameon=False)
    return figure, axes


def _end(figure: Figure, says: str) -> Drawing:
    written = io.BytesIO()
    figure.savefig(written, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = written.getvalue().decode()
    return Drawing(says, Markup(text[text.index("<svg") :]))  # noqa: S704 - matplotlib escaped its words
