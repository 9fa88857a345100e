"""The schemas of docs/schemas, as a validator takes them."""

import json
from pathlib import Path

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

import edge

DOCS = Path(edge.__file__).parents[1] / "docs"
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in sorted((DOCS / "schemas").glob("*.json"))}
REGISTRY = Registry().with_resources((made["$id"], Resource.from_contents(made)) for made in SCHEMAS.values())


def valid(name: str, document: object) -> bool:
    checker = Draft202012Validator(SCHEMAS[name], registry=REGISTRY)
    return bool(checker.is_valid(document))
