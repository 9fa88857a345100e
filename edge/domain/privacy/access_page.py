"""What is held about a person, as a page for them to read: no script, nothing from elsewhere.

The terminal writes it, and so does the centre. It is built as a tree of elements, so that nothing in the data can
become markup.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

JSON_NAME, PAGE_NAME = "data.json", "page.html"
_STYLE = "body{font:16px sans-serif;margin:2em}td,th{text-align:left;padding:.2em 1em .2em 0}"


def page(answers: Sequence[Mapping[str, Any]]) -> str:
    """The answers of one or several terminals, each under a heading.

    What no terminal makes raises LookupError, TypeError, ValueError or AttributeError.
    """
    html = Element("html", lang="en")
    head, body = SubElement(html, "head"), SubElement(html, "body")
    SubElement(head, "meta", charset="utf-8")
    _text(head, "title", "Held about you")
    _text(head, "style", _STYLE)
    if len(answers) > 1:
        names = ", ".join(_terminal(one) for one in answers)
        _text(body, "p", f"From {len(answers)} terminals: {names}")
    for one in answers:
        _add(SubElement(body, "section"), one)
        if len(answers) > 1:
            SubElement(body, "hr")
    return f"<!doctype html>{tostring(html, encoding='unicode', method='html')}\n"


def _add(section: Element, found: Mapping[str, Any]) -> None:
    _text(section, "h1", "What this terminal holds about you")
    _table(
        section,
        (),
        (
            ("Your id", found["person"]),
            ("Terminal", _terminal(found)),
            ("Made", found["made"]),
            ("Name", found["name"] or "none: it was erased, or your consent was withdrawn"),
            ("Restriction", found["restriction"] or "none"),
        ),
    )
    _text(section, "h2", "Face templates")
    templates = ((one["model"], f"{one['count']} vectors, in {JSON_NAME}") for one in found["templates"])
    _table(section, ("model", "held"), templates)
    _text(section, "h2", "Images of your punches")
    _text(
        section,
        "p",
        "They are sealed: only your employer's key opens them, by an order that names a reason. Each is deleted "
        "within 90 days."
        if found["images"]
        else "No image of you is kept here.",
    )
    images = ((one["utc"], one["record"], one["bytes"]) for one in found["images"])
    _table(section, ("time", "record", "bytes"), images)
    _text(section, "h2", "Your consent")
    consents = (
        (one["given_at"], one["policy_version"], one["language"], one["witness"], one["withdrawn_at"] or "-")
        for one in found["consents"]
    )
    _table(section, ("given", "policy", "language", "witness", "withdrawn"), consents)
    _text(section, "h2", "Records")
    _records(section, found["records"])
    if found.get("heard"):  # answers of earlier versions have none
        _text(section, "h2", "What this terminal heard of the other doors of the site")
        _records(section, found["heard"])


def _records(section: Element, which: Sequence[Mapping[str, Any]]) -> None:
    records = (
        (one["time"], one["type"].split(".")[1], one["data"].get("direction", "-"), one["id"]) for one in which
    )
    _table(section, ("time", "kind", "direction", "id"), records)


def _terminal(found: Mapping[str, Any]) -> str:
    return f"{found['site']}/{found['terminal']}"


def _table(parent: Element, head: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    table = SubElement(parent, "table")
    titles = SubElement(table, "tr")
    for word in head:
        _text(titles, "th", word)
    for row in rows:
        line = SubElement(table, "tr")
        for cell in row:
            _text(line, "td", str(cell))


def _text(parent: Element, tag: str, text: str) -> None:
    SubElement(parent, tag).text = text
