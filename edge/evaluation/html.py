"""The page, the tables and the percentages of every evaluation's HTML: one file, which fetches nothing."""

from collections.abc import Iterable, Iterator
from html import escape

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #bbb;padding:.25em .7em;text-align:right}
td:first-child,th:first-child{text-align:left}text{font:12px system-ui,sans-serif}figure{margin:1em 0}"""


def page(title: str, body: Iterable[str], *, width_em: int) -> str:
    """The whole page: `title` is its heading, too; `body` is markup, at most `width_em` wide."""
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
            f"<title>{escape(title)}</title><style>body{{max-width:{width_em}em}}\n{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            *body,
            "</body></html>\n",
        ]
    )


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Its lines; the cells are text, and are escaped."""
    yield "<table><tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
    yield "</table>"


def percent(share: float | None) -> str:
    """With two decimals; a dash where nothing could be measured."""
    return "-" if share is None else f"{100 * share:.2f} %"
