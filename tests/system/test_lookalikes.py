"""Two people in one enrolment, one person in two: refused with the cure, and twins need their badge."""

import json
import os
from pathlib import Path

from tests.support.badge_terminal import punches, running, wait_for

WITNESSED = ("--witness", "a test", "--consent", "--age-13-or-older", "--employer-agreed")


def listed(site, smartclocker) -> list[dict]:
    return json.loads(smartclocker("people", "list", "--config", site.config, "--json").stdout)


def test_photographs_of_two_people_make_nobody(site, smartclocker, photos: Path) -> None:
    names = ("obama.jpg", "obama2.jpg", "biden.jpg")
    done = smartclocker("enrol", "Ann", *(photos / name for name in names), "--config", site.config, *WITNESSED)
    assert done.returncode == 65
    assert "biden.jpg do not show the same person" in done.stderr
    assert listed(site, smartclocker) == []


def test_who_is_enrolled_already_is_not_enrolled_again_unseen(site, smartclocker, enrol, photos: Path) -> None:
    first = enrol(site, "obama.jpg")
    again = ("enrol", "Ann Again", photos / "obama2.jpg", "--config", site.config, *WITNESSED)
    done = smartclocker(*again)
    assert done.returncode == 65
    assert first in done.stderr
    assert "Somebody" not in done.stderr, "an id, and no name"
    assert len(listed(site, smartclocker)) == 1
    enrol(site, "biden.jpg")
    assert smartclocker(*again, "--despite-lookalike").returncode == 0
    assert len(listed(site, smartclocker)) == 3


def test_twins_are_told_to_show_their_badge_and_then_let_in(
    site, smartclocker, enrol, photos: Path, tmp_path
) -> None:
    reader = site.directory / "reader"
    os.mkfifo(reader)
    site.config.write_text(site.config.read_text() + f'\n[reader]\nkind = "script"\nscript = "{reader}"\n')
    person = enrol(site, "obama.jpg", "obama2.jpg")
    twin = ("enrol", "Twin", photos / "obama.jpg", "--config", site.config, *WITNESSED, "--despite-lookalike")
    assert smartclocker(*twin).returncode == 0
    badge = smartclocker("people", "badge", person, "--config", site.config, typed="4711")
    assert badge.returncode == 0, badge.stderr
    with running(site.config, tmp_path / "log") as terminal:
        # Alike to both, or to one with the badge still to come: either way no face alone.
        wait_for(terminal, "badge", never="  IN\n")
        with reader.open("w") as fifo:
            fifo.write("badge 4711\n")
        wait_for(terminal, "now look into the camera", never="  IN\n")
        wait_for(terminal, "  IN\n")
    assert [(who, method) for who, method, _ in punches(site)] == [(person, "badge+face")]
