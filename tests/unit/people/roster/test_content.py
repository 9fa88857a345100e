"""A roster that was restored, and another change by the same clock: terminals take it for another one."""

import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest

from edge.central.roster import membership
from edge.central.roster.schema import ROSTER_DB, ROSTER_PEOPLE
from edge.central.roster.store import RosterStore
from edge.domain.strict_json import MAX_INTEGER
from tests.support.roster_site import Site, site

__all__ = ["site"]  # the fixture


def backup(site: Site) -> Callable[[], None]:
    """As of now; what is returned puts both files back."""
    kept = site.root / "kept"

    def copy(from_, to) -> None:
        site.store.close()
        for name in (ROSTER_DB, ROSTER_PEOPLE):
            for path in to.glob(f"{name}*"):
                path.unlink()
            for path in from_.glob(f"{name}*"):
                shutil.copy2(path, to / path.name)
        site.store = RosterStore(site.root)

    kept.mkdir()
    copy(site.root, kept)
    return lambda: copy(kept, site.root)


@pytest.mark.parametrize("seconds_later", [0, -86_400], ids=["within one second", "the clock set back"])
def test_another_change_after_a_restore_is_taken(
    site: Site, monkeypatch: pytest.MonkeyPatch, seconds_later
) -> None:
    monkeypatch.setattr("edge.central.roster.membership.time.time", lambda: 1_800_000_000.0)
    gate, ann = site.register("gate-1"), site.add(1)
    gate.give(site.publish())
    restore = backup(site)
    membership.rectify(site.store, ann, "Ann First")
    gate.give(site.publish())
    assert gate.people.member(ann).name == "Ann First"
    restore()
    monkeypatch.setattr("edge.central.roster.membership.time.time", lambda: 1_800_000_000.0 + seconds_later)
    here = site.store.site("main")
    assert here is not None
    with site.store.writing():  # as `roster publish` does from what the broker has
        site.store.put_site(replace(here, version=here.version + 5))
    membership.rectify(site.store, ann, "Ann Second")
    gate.give(site.publish())
    assert gate.people.member(ann).name == "Ann Second"


@pytest.mark.parametrize("second", [0.0, 1_800_000_000.0, 1e15], ids=["1970", "2027", "a clock beyond all"])
def test_it_grows_and_fits_whatever_the_clock_says(site: Site, monkeypatch: pytest.MonkeyPatch, second) -> None:
    ann, numbers = site.add(1), []
    for at in (second, second, 1_700_000_000.0, 0.0):
        monkeypatch.setattr("edge.central.roster.membership.time.time", lambda at=at: at)
        membership.rectify(site.store, ann, f"Ann {len(numbers)}")
        numbers.append(site.store.members("main")[ann].content)
    assert numbers == sorted(set(numbers))
    assert numbers[-1] < MAX_INTEGER
    site.publish()
