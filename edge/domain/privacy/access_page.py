"""What is held about a person, as a page for them to read: made from the data, every word of it escaped."""

import html
from collections.abc import Mapping
from typing import Any

JSON_NAME, PAGE_NAME = "data.json", "page.html"


def page(found: Mapping[str, Any]) -> str:
    """The same for a person to read: no script, nothing from elsewhere."""
    facts = [
        ("Your id", found["person"]),
        ("Terminal", f"{found['site']}/{found['terminal']}"),
        ("Made", found["made"]),
        ("Name", found["name"] or "none: it was erased, or your consent was withdrawn"),
        ("Restriction", found["restriction"] or "none"),
    ]
    templates = [(one["model"], f"{one['count']} vectors, in {JSON_NAME}") for one in found["templates"]]
    images = [(one["utc"], one["record"], one["bytes"]) for one in found["images"]]
    consents = [
        (one["given_at"], one["policy_version"], one["language"], one["witness"], one["withdrawn_at"] or "-")
        for one in found["consents"]
    ]
    records = [
        (r["time"], r["type"].split(".")[1], r["data"].get("direction", "-"), r["id"]) for r in found["records"]
    ]
    return "\n".join(
        (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Held about you</title>',
            "<style>body{font:16px sans-serif;margin:2em}td,th{text-align:left;padding:.2em 1em .2em 0}</style>",
            "<h1>What this terminal holds about you</h1>",
            _table((), facts),
            "<h2>Face templates</h2>",
            _table(("model", "held"), templates),
            "<h2>Images of your punches</h2>",
            "<p>They are sealed: only your employer's key opens them, by an order that names a reason. Each is "
            "deleted within 90 days.</p>"
            if images
            else "<p>No image of you is kept here.</p>",
            _table(("time", "record", "bytes"), images),
            "<h2>Your consent</h2>",
            _table(("given", "policy", "language", "witness", "withdrawn"), consents),
            "<h2>Records</h2>",
            _table(("time", "kind", "direction", "id"), records),
            "</html>\n",
        )
    )


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]] | list[tuple[str, Any]]) -> str:
    titles = "".join(f"<th>{html.escape(word)}</th>" for word in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{titles}</tr>{lines}</table>"
