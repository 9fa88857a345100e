"""Buttons on the whole program: a script's presses, badges, and what the console shows and the journal keeps."""

import os
import time
from pathlib import Path

import pytest

from edge import config
from edge.crypto import dsse
from edge.domain.protocol.record import Record, decode
from edge.domain.protocol.record_kinds import Kind
from edge.terminal import installed
from tests.support.badge_terminal import added, present, running, smartclocker, wait_for

NUMBER = "0004711993"


@pytest.fixture
def scripts(site) -> tuple[Path, Path]:
    """FIFOs of reader and buttons, and a configuration that names them; nothing may be guessed."""
    reader, buttons = site.directory / "reader", site.directory / "buttons"
    os.mkfifo(reader)
    os.mkfifo(buttons)
    text = site.config.read_text().replace('direction = "alternate"', 'direction = "button"')
    site.config.write_text(
        f'{text}\n[recognition]\nmode = "badge"\n[reader]\nkind = "script"\nscript = "{reader}"\n'
        f'[buttons]\nkind = "script"\nscript = "{buttons}"\n'
    )
    return reader, buttons


def records(site) -> list[Record]:
    loaded = config.load(site.config).config
    with installed.open_journal(loaded, installed.load_secrets(loaded)) as journal:
        return [decode(dsse.parse(one.wire).payload) for one in journal.envelopes(0, 1_000)]


def test_a_day_with_buttons_and_a_badge(site, scripts: tuple[Path, Path], tmp_path: Path) -> None:
    reader, buttons = scripts
    person = added(site, "Ann Example")
    smartclocker("people", "badge", person, "--config", site.config, typed=NUMBER)
    with running(site.config, tmp_path / "log") as terminal:
        wait_for(terminal, "ready")
        present(reader, f"badge {NUMBER}")
        wait_for(terminal, "press IN, OUT or BREAK", never="  IN\n")
        present(buttons, "in")
        wait_for(terminal, "  IN\n", never="  OUT\n")
        present(buttons, "out")  # no camera sees whose press it is: the badge says so
        wait_for(terminal, "OUT: now your face, badge or PIN", never="  OUT\n")
        present(reader, f"badge {NUMBER}")
        wait_for(terminal, "  OUT\n")
        present(buttons, "opened")
        for answer in ("  BREAK BEGINS\n", "  BREAK ENDS: IN\n"):
            present(reader, "badge 999999")  # somebody else's turn: a press corrects no more
            wait_for(terminal, "not recognised")
            time.sleep(1.2)  # beyond the window in which a second break is a repetition
            present(buttons, "break")
            wait_for(terminal, "BREAK: now your face, badge or PIN", never=answer)
            present(reader, f"badge {NUMBER}")
            wait_for(terminal, answer)
        present(buttons, "hold in\nhold out")
        wait_for(terminal, "press one button alone")
    assert [
        (one.kind, one.data.get("state"), one.data.get("direction"), one.data.get("activity"))
        for one in records(site)
        if one.kind in {Kind.PUNCH, Kind.CORRECTION, Kind.TAMPER}
    ] == [
        ("punch", None, "in", None),
        ("correction", None, "out", None),
        ("tamper", "opened", None, None),
        ("punch", None, "out", "break"),
        ("punch", None, "in", "break"),
    ]


def test_buttons_that_cannot_be_used_are_an_alarm_and_badges_go_on(site, tmp_path: Path) -> None:
    reader = site.directory / "reader"
    os.mkfifo(reader)
    missing, text = site.directory / "none", site.config.read_text()
    site.config.write_text(
        f'{text}\n[recognition]\nmode = "badge"\n[reader]\nkind = "script"\nscript = "{reader}"\n'
        f'[buttons]\nkind = "script"\nscript = "{missing}"\n'
    )
    person = added(site, "Ann Example")
    smartclocker("people", "badge", person, "--config", site.config, typed=NUMBER)
    log = tmp_path / "log"
    with running(site.config, log) as terminal:
        wait_for(terminal, "ready")
        present(reader, f"badge {NUMBER}")
        wait_for(terminal, "  IN\n")
    assert "the buttons, without which punching goes on" in log.read_text()
