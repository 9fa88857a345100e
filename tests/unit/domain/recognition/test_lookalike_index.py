"""Who looks like another, while people come, change and go: the same as a search from the beginning finds."""

import random

import numpy as np
import pytest

from edge.domain.recognition import lookalikes
from edge.domain.recognition.gallery import Gallery
from edge.domain.recognition.lookalike_index import Lookalikes
from edge.domain.recognition.lookalikes import close_pairs


def unit(row: np.ndarray) -> np.ndarray:
    return (row / np.linalg.norm(row)).astype(np.float32)


def gallery(rows: dict[str, np.ndarray]) -> Gallery:
    return Gallery.of("m", ((name, row[None]) for name, row in sorted(rows.items())))


def turns(search: Lookalikes) -> int:
    count = 0
    while search.search_on():
        count += 1
    return count


@pytest.mark.parametrize("seed", range(6))
def test_whoever_comes_changes_or_goes_the_same_are_found(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookalikes, "_PRODUCTS", 300)
    chance, rng = random.Random(seed), np.random.default_rng(seed)
    rows = {f"p{n:03}": unit(rng.normal(size=8)) for n in range(60)}
    search, asked = Lookalikes(), 0.85
    for day in range(30):
        match chance.choice(["come", "twin", "change", "go", "threshold"]):
            case "come":
                rows[f"q{day:03}"] = unit(rng.normal(size=8))
            case "twin":
                rows[f"t{day:03}"] = unit(rows[chance.choice(sorted(rows))] + 0.05 * rng.normal(size=8))
            case "change":
                rows[chance.choice(sorted(rows))] = unit(rng.normal(size=8))
            case "go":
                del rows[chance.choice(sorted(rows))]
            case _:
                asked = chance.uniform(0.7, 0.95)
        people = gallery(rows)
        search.enrolled(people, asked)
        if chance.random() < 0.4:
            for _ in range(chance.randrange(4)):
                search.search_on()  # the next change comes in the middle of it
            continue
        turns(search)
        assert search.people == frozenset().union(*close_pairs(people, asked))


def test_one_who_comes_costs_a_turn_and_not_the_whole_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookalikes, "_PRODUCTS", 4_000)
    rng = np.random.default_rng(7)
    rows = {f"p{n:04}": unit(rng.normal(size=16)) for n in range(400)}
    search = Lookalikes()
    search.enrolled(gallery(rows), 0.9)
    for _ in range(20):
        search.search_on()
    rows["new"] = unit(rows["p0399"] + 0.01 * rng.normal(size=16))
    search.enrolled(gallery(rows), 0.901)
    assert turns(search) <= 400 // 9 - 20 + 2, "it went on from where it was"
    assert search.people >= {"new", "p0399"}
    rows["newer"] = unit(rng.normal(size=16))
    search.enrolled(gallery(rows), 0.902)
    assert turns(search) == 1


def test_who_was_found_counts_until_they_are_compared_again() -> None:
    rng = np.random.default_rng(2)
    one = unit(rng.normal(size=16))
    rows = {"a": one, "b": unit(one + 0.01 * rng.normal(size=16)), "c": unit(rng.normal(size=16))}
    search = Lookalikes()
    search.enrolled(gallery(rows), 0.9)
    turns(search)
    assert search.people == {"a", "b"}
    rows["b"] = unit(rng.normal(size=16))
    search.enrolled(gallery(rows), 0.9)
    assert search.people == {"a", "b"}, "nobody knows better yet"
    turns(search)
    assert search.people == frozenset()
