"""The report of a change of shifts, in words."""

from typing import Any

from tests.shift_change.findings import Findings

PAD = (
    "every layer that looks for a presentation attack is on, without the infrared lamp; photographs pass because "
    "the scene moves them as a person would move"
)


def lines(found: Findings) -> list[str]:
    """The report, and what failed."""
    figures: dict[str, Any] = found.figures
    said = [
        _how(figures),
        _faces(figures["faces"], figures["strangers"]["count"]),
        PAD,
        f"accepted: {_accepted(figures)}",
        f"told why: {_counts(figures['told_why'])}; when leaving: {_counts(figures['told_why_leaving'])}",
        f"lost: {figures['lost']}",
        "from the first usable frame, or the last read, to the lights:",
        *_waits(figures["ms_to_cue"]),
        _hours(figures["hours"]),
        _others(figures),
        _strangers(figures["strangers"]),
        _records(figures["records"], verified=figures["chains_verify"]),
        *(f"{name}: {_door(door)}" for name, door in figures["doors"].items()),
    ]
    return [*said, *(f"FAILED: {words}" for words in found.failed)]


def _how(figures: dict[str, Any]) -> str:
    load = f"load {figures['load_before']:.1f} before and {figures['load_after']:.1f} after"
    took = f"{figures['people']} people in {figures['seconds']:g} s (took {figures['took_s']} s) at two doors"
    return f"{took}; {figures['processors']} processors, {load}"


def _faces(who: dict[str, Any], strangers: int) -> str:
    own = who["by_face_with_photographs_of_their_own"]
    return (
        f"faces: {own} people by photographs of their own ({who['source']}), {who['by_face_with_a_drawn_vector']} "
        "by a photograph with a drawn vector; strangers with photographs of their own: "
        f"{who['strangers_with_photographs_of_their_own']} of {strangers}"
    )


def _accepted(figures: dict[str, Any]) -> str:
    by = ", ".join(f"{figures['accepted'][way]} of {came} by {way}" for way, came in figures["came"].items())
    after = f"{figures['accepted_by_badge_after_face']} by badge after their face was refused"
    return f"{by}; {after}; without a punch: {figures['without_a_punch']}"


def _waits(groups: dict[str, Any]) -> list[str]:
    return [
        f"  {name:<6}{group['count']:>4}: "
        + ", ".join(f"{share} {group[share]:g} ms" for share in ("p50", "p95", "max"))
        for name, group in groups.items()
        if group["count"]
    ]


def _hours(hours: dict[str, Any]) -> str:
    out, agree = hours["people_out_by_the_other_door"], "they agree" if hours["agree"] else "THEY DIFFER"
    doubts = _counts(hours["doubts"])
    return f"hours: {hours['people_in']} in, {out} of them out by the other door; {agree}; doubts: {doubts}"


def _others(figures: dict[str, Any]) -> str:
    paused, refused = figures["paused_because_of_somebody_else"], figures["right_badges_and_pins_refused"]
    return f"because of somebody else: {paused} faces paused, {refused} right badges or PINs refused"


def _strangers(strangers: dict[str, Any]) -> str:
    faces = _counts(strangers["answers_to_their_faces"])
    tried = f"{strangers['badges_and_pins_tried']} badges and PINs of nobody's tried"
    return f"strangers: {strangers['count']}, {strangers['punches']} punches; faces were told: {faces}; {tried}"


def _records(records: dict[str, int], *, verified: bool) -> str:
    chains = "verify" if verified else "DO NOT VERIFY"
    return f"records: {records['doors']} at the doors, {records['ledger']} in the ledger; chains {chains}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{word} {count}" for word, count in sorted(counts.items())) or "none"


def _door(door: dict[str, Any]) -> str:
    counts = ", ".join(f"{word.replace('_', ' ')} {count}" for word, count in door.items() if word != "alarms")
    return f"{counts}; alarms: {', '.join(door['alarms']) or 'none'}"
