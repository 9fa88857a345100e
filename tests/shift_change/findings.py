"""What a change of shifts gave: figures, and whether everything that must hold held."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.central.attendance.punch_report import Punch, Wanted, punches
from edge.central.ledger.recheck import verify_all
from edge.central.store.records import Store
from edge.crypto import dsse, key_files
from edge.domain.attendance.cues import CueName
from edge.journal.verify import verify_file
from edge.terminal import installed
from tests.shift_change.doors import Door, Message
from tests.shift_change.plan import Person, Plan, Way
from tests.shift_change.site import Site
from tests.shift_change.story import ACCEPTED, ALREADY, Outcome

_IN, _OUT = "in", "out"


@dataclass
class Findings:
    """The whole report; `as_json` is what `--json` prints."""

    figures: dict[str, Any] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    """What must hold and did not, in words."""

    def must(self, holds: bool, words: str) -> None:
        """Note something that must hold; `words` say how it does not."""
        if not holds:
            self.failed.append(words)

    def as_json(self) -> dict[str, Any]:
        """Figures, and what failed."""
        return {**self.figures, "failed": self.failed, "holds": not self.failed}


def of_story(found: Findings, plan: Plan, outcomes: Sequence[Outcome], doors: dict[str, Door]) -> None:
    """What people saw at the doors."""
    staff = [one for one in outcomes if isinstance(one.visit.who, Person)]
    came = [one for one in staff if not one.visit.leaving]
    left = [one for one in staff if one.visit.leaving]
    found.figures["accepted"] = {
        str(way): sum(one.visit.way is way and one.by is way for one in came) for way in Way
    }
    found.figures["accepted_by_badge_after_face"] = sum(
        one.visit.way is Way.FACE and one.by is Way.BADGE for one in came
    )
    found.figures["came"] = {str(way): sum(one.visit.way is way for one in came) for way in Way}
    found.figures["told_why"] = dict(Counter(str(cue) for one in came for cue in one.told))
    found.figures["without_a_punch"] = sum(one.by is None for one in came)
    found.figures["left_by_the_other_door"] = sum(one.by is not None for one in left)
    found.figures["told_why_leaving"] = dict(Counter(str(cue) for one in left for cue in one.told))
    lost = [one for one in outcomes if one.lost]
    found.figures["lost"] = len(lost)
    found.must(len(came) == len(plan.staff), f"{len(plan.staff) - len(came)} people were not let in by the plan")
    found.must(not lost, "; ".join(f"{one.visit.who.key} got no answer at {one.visit.door}" for one in lost))
    found.figures["visits"] = [_visit(one) for one in outcomes]
    found.figures["ms_to_cue"] = {
        name: percentiles([one.wait_ms for one in staff if one.wait_ms is not None and wanted(one)])
        for name, wanted in _GROUPS.items()
    }
    wrong = [one for one in staff if one.by is not None and one.cue is not _expected(one)]
    found.must(not wrong, "; ".join(f"{one.visit.who.key} was told {one.cue} at {one.visit.door}" for one in wrong))
    paused = [one for one in staff if CueName.COOLDOWN in one.told]
    refused = [one for one in staff if one.right_refused]
    found.figures["paused_because_of_somebody_else"] = len(paused)
    found.figures["right_badges_and_pins_refused"] = len(refused)
    found.must(not paused, "paused: " + ", ".join(one.visit.who.key for one in paused))
    found.must(not refused, "a right badge or PIN was refused: " + ", ".join(one.visit.who.key for one in refused))
    _strangers(found, plan, outcomes, doors)


def _visit(one: Outcome) -> dict[str, object]:
    """One visit, for `--json`."""
    return {
        "who": one.visit.who.key,
        "door": one.visit.door,
        "came_by": str(one.visit.way),
        "leaving": one.visit.leaving,
        "accepted_by": None if one.by is None else str(one.by),
        "cue": None if one.cue is None else str(one.cue),
        "ms_to_cue": None if one.wait_ms is None else round(one.wait_ms, 1),
        "told": [str(cue) for cue in one.told],
    }


def _strangers(found: Findings, plan: Plan, outcomes: Sequence[Outcome], doors: dict[str, Door]) -> None:
    names = {one.key for one in plan.strangers}
    answers = [one for door in doors.values() for one in door.answers() if one["who"] in names]
    tries = [one for one in outcomes if not isinstance(one.visit.who, Person)]
    punched = sum(_punches(one) for one in answers) + sum(one.by is not None for one in tries)
    found.figures["strangers"] = {
        "count": len(names),
        "answers_to_their_faces": dict(Counter(str(one["cue"]) for one in answers)),
        "badges_and_pins_tried": len(tries),
        "punches": punched,
    }
    found.must(not punched, f"strangers punched {punched} times")


def _punches(answer: Message) -> bool:
    return answer["cue"] in {*ACCEPTED, *ALREADY}


def _expected(one: Outcome) -> CueName:
    return CueName.OUT if one.visit.leaving else CueName.IN


_GROUPS: dict[str, Callable[[Outcome], bool]] = {
    "face": lambda one: one.by is Way.FACE,
    "badge": lambda one: one.by is Way.BADGE,
    "pin": lambda one: one.by is Way.PIN,
    "all": lambda one: True,
}


def percentiles(samples: Sequence[float]) -> dict[str, float | int]:
    """Nearest rank: each percentile is a measured value; only the count without samples."""
    ordered = sorted(samples)
    if not ordered:
        return {"count": 0}
    at = {f"p{share}": round(ordered[-(-len(ordered) * share // 100) - 1], 1) for share in (50, 95)}
    return {"count": len(ordered), **at, "max": round(ordered[-1], 1)}


def of_status(found: Findings, doors: dict[str, Door]) -> None:
    """What the terminals say of themselves at the end."""
    found.figures["doors"] = {}
    for name, door in doors.items():
        status = door.status()
        counters = status["counters"]
        found.figures["doors"][name] = {
            "alarms": status["alarms"],
            **{word: counters.get(word) for word in ("punches", "suppressed", "lockouts", "badges_refused")},
        }


def of_ledger(found: Findings, plan: Plan, outcomes: Sequence[Outcome], site: Site) -> None:
    """The hours, and both chains; the doors have stopped."""
    with Store(site.centre.ledger_db) as store:
        hours = punches(store, Wanted())
        epochs = verify_all(store)
        stored = store.count()
    _hours(found, plan, outcomes, hours)
    found.must(all(one.ok for one in epochs), "; ".join(str(one.problem) for one in epochs if not one.ok))
    records = 0
    ledger = key_files.load_public(site.centre.directory / "ledger.pem")
    for name, door in site.doors.items():
        own = installed.own_secrets(door.config).identity.verify_key
        report = verify_file(_journal(door), {dsse.key_id(key): key for key in (own, ledger)})
        records += report.last_seq
        found.must(report.ok, f"{name}: the journal does not verify: {report.problem}")
        held = report.receipt_verified and report.receipted == report.last_seq
        found.must(held, f"{name}: {report.last_seq - report.receipted} records have no receipt")
    found.must(stored == records, f"the doors recorded {records}, the ledger has {stored}")
    found.figures["records"] = {"doors": records, "ledger": stored}
    found.figures["chains_verify"] = all(one.ok for one in epochs) and not any(
        "verify" in words for words in found.failed
    )


def _journal(door: Door) -> Path:
    return installed.journal_path(door.config)


def _hours(found: Findings, plan: Plan, outcomes: Sequence[Outcome], hours: Sequence[Punch]) -> None:
    """Everybody's hours are what their visits say, at the doors where they were."""
    expected: dict[str, list[tuple[str, str]]] = {}
    for one in outcomes:
        if one.by is not None and isinstance(one.visit.who, Person):
            direction = _OUT if one.visit.leaving else _IN
            expected.setdefault(one.visit.who.id, []).append((direction, one.visit.door))
    listed: dict[str, list[tuple[str, str]]] = {}
    for row in hours:
        if row.direction is not None:
            listed.setdefault(row.person, []).append((str(row.direction), row.terminal))
    names = {person.id: person.key for person in plan.staff}
    differing = [
        f"{names.get(person, 'somebody unknown')}: {listed.get(person, [])} in place of {expected.get(person, [])}"
        for person in sorted(expected.keys() | listed.keys())
        if listed.get(person) != expected.get(person)
    ]
    found.must(not differing, "the hours differ: " + "; ".join(differing))
    found.figures["hours"] = {
        "people_in": sum(rows[:1] != [] and rows[0][0] == _IN for rows in listed.values()),
        "people_out_by_the_other_door": sum(
            len(rows) == 2 and rows[1][0] == _OUT and rows[0][1] != rows[1][1] for rows in listed.values()
        ),
        "doubts": dict(Counter(str(word) for row in hours for word in row.doubts)),
        "agree": not differing,
    }
