"""An older people file that was put back: an alarm of the running terminal until somebody says that they looked."""

import shutil
from pathlib import Path

from edge import config
from edge.terminal.runtime.alarms import Alarm
from tests.support.failing_terminal import NUMBER, gate, live

__all__ = ["gate", "live"]  # the fixtures


def test_the_alarm_stays_until_somebody_says_that_they_looked(gate, live, smartclocker, caplog) -> None:
    state = Path(config.load(gate.path).config.storage.state)
    (person,) = (line.split()[0] for line in listed(gate, smartclocker) if " Ann " in line)
    kept = shutil.copy(state / "people.db", gate.directory / "then.db")
    given = smartclocker("people", "badge", person, "--config", gate.path, typed="0004711888\n")
    assert given.returncode == 0, given.stderr
    for file in state.glob("people.db*"):
        file.unlink()
    shutil.copy(kept, state / "people.db")

    life = live(gate)
    life.wait(lambda: Alarm.PEOPLE_PUT_BACK in life.alarms, "the alarm")
    life.punches()
    assert f"{person} (badge)" in caplog.text
    assert NUMBER not in caplog.text
    end(life)

    again = live(gate)
    again.wait(lambda: Alarm.PEOPLE_PUT_BACK in again.alarms, "the next start says it, too")
    said = smartclocker("check", "--config", gate.path)
    assert f"lacks what was given since: {person} (badge)" in said.stdout + said.stderr
    assert f"{person}  badge" in smartclocker("people", "looked", "--config", gate.path).stdout
    assert Alarm.PEOPLE_PUT_BACK in again.alarms, "to list them is not to have looked"
    done = smartclocker("people", "looked", person, "--config", gate.path)
    assert done.returncode == 0, done.stderr
    again.wait(lambda: Alarm.PEOPLE_PUT_BACK not in again.alarms, "it ends")
    assert "lacks" not in smartclocker("check", "--config", gate.path).stdout
    refused = smartclocker("people", "looked", person, "--config", gate.path)
    assert refused.returncode != 0
    assert "nothing is noted of them" in refused.stderr


def test_where_nothing_is_noted_no_record_is_claimed(site, smartclocker) -> None:
    said = smartclocker("people", "looked", "--all", "--config", site.config)
    assert said.returncode == 0, said.stderr
    assert said.stdout == "looked into: 0 people; nothing is noted of anybody, so that no record was made\n"


def listed(gate, smartclocker) -> list[str]:
    said: str = smartclocker("people", "list", "--config", gate.path).stdout
    return said.splitlines()


def end(life) -> None:
    life.terminal.stop.set("test")
    life.thread.join(20)
    assert not life.thread.is_alive()
