"""Changes of JSON that stay JSON, mostly: what a clever forger would try. Pure: the generator decides."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 12, 13, 2**53, 2**53 + 1, 2**63, 1.0, 0.5, 1e308, "", "1", "in", "out",
    "punch", "roster", "ledger", "gate-2", "../x", "a" * 26, "0" * 64, "f" * 64, "e" * 32, "\x00", "\ud800", "é",
    "A" * 5_000, "gate-1\n", "2026-03-02T07:59:58.120Z", "9999-99-99T99:99:99.999Z", "=", "AAAA", [], {}, [[]],
    [None] * 40, {"v": 1}, ["a"], "smartclocker.punch.v1", "smartclocker.x.v1", "application/json",
)  # fmt: skip

Path = tuple[str | int, ...]


def edited(rng: Random, document: Any) -> Any:
    """A copy with one thing changed, added, renamed or taken away, somewhere in it."""
    copy = json.loads(json.dumps(document))
    places = list(_places(copy, ()))
    if not places:
        return rng.choice(_VALUES)
    path = rng.choice(places)
    rng.choice(_EDITS)(rng, _at(copy, path[:-1]), path[-1])
    return copy


def written(rng: Random, document: Any) -> bytes:
    """As bytes: compact as ours mostly, else in another spelling of the same, or with a key twice."""
    draw = rng.random()
    if draw < 0.7:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    elif draw < 0.8:
        text = json.dumps(document, ensure_ascii=True, indent=rng.choice((None, 0, 2)))
    elif draw < 0.9:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        if text.startswith("{") and len(text) > 2:
            key = rng.choice(list(document))
            text = "{" + json.dumps(key) + ":" + json.dumps(rng.choice(_VALUES)) + "," + text[1:]
    else:
        text = json.dumps(_reordered(rng, document), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _places(value: Any, path: Path) -> Any:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key)
        yield from _places(one, (*path, key))


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _set(rng: Random, inside: Any, key: Any) -> None:
    inside[key] = rng.choice(_VALUES)


def _nudge(rng: Random, inside: Any, key: Any) -> None:
    """Something near what is there: a number beside it, a text with one character changed."""
    value = inside[key]
    if isinstance(value, bool):
        inside[key] = not value
    elif isinstance(value, int | float):
        inside[key] = value + rng.choice((-1, 1, 0.5, 1_000))
    elif isinstance(value, str) and value:
        at = rng.randrange(len(value))
        inside[key] = value[:at] + rng.choice("0aAz/+=- \n\x00é") + value[at + 1 :]
    else:
        inside[key] = [value]


def _alike(rng: Random, inside: Any, key: Any) -> None:
    """Another value of the same form, so that only a signature can tell: a digit for a digit, a letter for one."""
    value = inside[key]
    if isinstance(value, str) and value:
        at = rng.randrange(len(value))
        like = next((set_ for set_ in ("0123456789", "abcdef", "ABCDEFGHXYZ") if value[at] in set_), value[at])
        inside[key] = value[:at] + rng.choice(like) + value[at + 1 :]
    else:
        _nudge(rng, inside, key)


def _drop(_rng: Random, inside: Any, key: Any) -> None:
    del inside[key]


def _rename(rng: Random, inside: Any, key: Any) -> None:
    if isinstance(inside, dict):
        inside[rng.choice((str(key) + "_", str(key).upper(), "v", "data", ""))] = inside.pop(key)
    else:
        inside.append(inside[key])


def _add(rng: Random, inside: Any, key: Any) -> None:
    if isinstance(inside, dict):
        inside[rng.choice(("x", "alg", "exp", "keyid", "data"))] = rng.choice(_VALUES)
    else:
        inside.insert(int(key), rng.choice(_VALUES))


def _wrap(_rng: Random, inside: Any, key: Any) -> None:
    for _ in range(20):
        inside[key] = [inside[key]]


_EDITS: tuple[Callable[[Random, Any, Any], None], ...] = (
    _set,
    _set,
    _nudge,
    _nudge,
    _alike,
    _alike,
    _drop,
    _rename,
    _add,
    _wrap,
)


def _reordered(rng: Random, document: Any) -> Any:
    if not isinstance(document, dict):
        return document
    keys = list(document)
    rng.shuffle(keys)
    return {key: _reordered(rng, document[key]) for key in keys}
