"""What a start makes of the roster's notes, rule by rule."""

from dataclasses import replace

import pytest

from edge.domain.protocol.record_kinds import ErasureReason
from edge.domain.roster.entry_state import GONE, HELD, OUT, TO_COME, EntryState
from edge.domain.roster.restart import FAR, PeopleFacts, restart

ANN, BOB = "a" * 26, "b" * 26
NOBODY = PeopleFacts(frozenset(), frozenset(), {}, frozenset(), floor=0, newest=0)
BOTH = PeopleFacts(frozenset({ANN, BOB}), frozenset({ANN, BOB}), {ANN: 1, BOB: 1}, frozenset(), floor=5, newest=5)


def held(person: str, version: int = 5) -> EntryState:
    return EntryState(person, version, "0" * 64, 1, HELD)


def gone(person: str, version: int = 5) -> EntryState:
    return EntryState(person, version, "0" * 64, 0, GONE, str(ErasureReason.REQUESTED))


def test_notes_that_fit_the_people_file_stay_as_they_are() -> None:
    noted = {ANN: held(ANN), BOB: held(BOB)}
    found = restart(noted, 5, BOTH)
    assert found.rows == noted
    assert (found.forgotten, found.leaving, found.blind_up_to, found.not_written, found.newest) == (
        (),
        {},
        {},
        {},
        0,
    )


@pytest.mark.parametrize("people", [NOBODY, replace(BOTH, written={ANN: 0, BOB: 1})])
def test_whoever_the_people_file_lacks_or_has_older_is_to_come_again(people: PeopleFacts) -> None:
    found = restart({ANN: held(ANN)}, 5, people)
    assert found.forgotten == (ANN,)
    assert ANN not in found.rows or found.rows[ANN].reason == TO_COME


def test_whoever_is_noted_above_the_manifest_waits_for_the_manifest_of_their_entry() -> None:
    found = restart({ANN: held(ANN, 8), BOB: gone(BOB, 8)}, 5, BOTH)
    assert found.rows[ANN] == EntryState(ANN, 0, "", 1, OUT, TO_COME)
    assert found.blind_up_to[ANN] == 7
    assert found.forgotten == (BOB,)
    assert found.newest == 8


def test_a_number_that_no_manifest_can_have_holds_up_one_manifest_alone() -> None:
    assert restart({ANN: held(ANN, 6 + FAR)}, 5, BOTH).blind_up_to[ANN] == 5


def test_whoever_left_and_is_here_by_an_older_people_file_leaves_again() -> None:
    found = restart({ANN: gone(ANN), BOB: held(BOB)}, 5, BOTH)
    assert {person: leaving.reason for person, leaving in found.leaving.items()} == {ANN: ErasureReason.REQUESTED}


@pytest.mark.parametrize(
    ("version", "floor", "newest", "blind"),
    [(5, 5, 5, None), (3, 5, 5, 4), (3, 5, 0, 3), (5, 5, 8, 7), (5, 5, 6 + FAR, 5)],
)
def test_no_manifest_below_the_newest_entry_tells_of_somebody_whom_the_notes_forgot(
    version: int, floor: int, newest: int, blind: int | None
) -> None:
    found = restart({BOB: held(BOB, 1)}, version, replace(BOTH, floor=floor, newest=newest))
    assert found.rows[ANN] == EntryState(ANN, 0, "", 1, OUT, TO_COME)
    assert found.blind_up_to.get(ANN) == blind
    assert BOB not in found.blind_up_to


def test_whose_row_was_altered_is_mended_by_their_entry() -> None:
    found = restart({ANN: held(ANN), BOB: held(BOB)}, 5, replace(BOTH, damaged=frozenset({ANN})))
    assert (found.rows[ANN].state, found.rows[BOB].state) == (OUT, HELD)


def test_numbers_that_an_earlier_version_did_not_write_are_written() -> None:
    assert restart({ANN: held(ANN)}, 5, replace(BOTH, written={})).not_written == {ANN: 1}
