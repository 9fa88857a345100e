"""Documents and code say the same."""

import html
import re
import tomllib
from pathlib import Path

import msgspec

import edge.errors
from edge.config_schema import Config
from edge.domain.attendance.cues import CUES
from edge.domain.protocol.record_kinds import Kind
from edge.errors import SmartClockerError

ROOT = Path(__file__).resolve().parents[2]
CLI = (ROOT / "docs/cli.md").read_text()


def test_every_exit_code_is_listed() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", CLI, re.MULTILINE)}
    ours = {
        c.exit_code for c in vars(edge.errors).values() if isinstance(c, type) and issubclass(c, SmartClockerError)
    }
    assert ours <= listed


def test_every_configuration_key_is_documented_and_no_other() -> None:
    documented = set(re.findall(r"^\| `(\w+\.\w+)`", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE))
    ours = set()
    for section in msgspec.structs.fields(Config):
        kinds = getattr(section.type, "__args__", (section.type,))
        ours |= {f"{section.name}.{name}" for name in kinds[0].__struct_fields__}
    assert documented == ours


def test_every_cue_is_described_in_its_own_words() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| ([^|]+) \|", (ROOT / "docs/wiring.md").read_text(), re.MULTILINE))
    assert rows == {str(cue.name): cue.text for cue in CUES.values()}


def test_what_is_said_of_presses_is_what_the_terminal_does() -> None:
    from edge import config
    from edge.domain.attendance import presses, tamper

    page = (ROOT / "docs/wiring.md").read_text()
    section = page[page.index("## The buttons") : page.index("## The infrared lamp")]
    for words in (
        f"the press waits {presses.WAITS_MS // 1000} s",
        f"within {presses.AFTER_MS // 1000} s, while the answer is shown",
        f"two buttons within {presses.ALONE_MS / 1000:g} s",
        f"After {presses.STUCK_MS // 1000} s it is stuck",
        f"goes down again within {presses.BOUNCE_MS} ms",
    ):
        assert words in section, words
    assert (presses.REST_MS, tamper.CLOSED_MS) == (1_000, 60_000), "in words: a second, a minute"
    drawn = re.findall(r"```toml\n(.+?)```", section, re.DOTALL)
    least = {
        "terminal": {"site": "main", "name": "t1", "direction": "button"},
        "policy": {"version": "1", "text": "policy.md"},
    }
    loaded = config.check(least | tomllib.loads(drawn[0]), ROOT / "config.toml").config
    pins = re.findall(r"^\|[^|]+\| (\d+) \(\d+\) \|", section, re.MULTILINE)
    buttons = loaded.buttons
    assert [int(pin) for pin in pins] == [
        *(buttons.in_pin, buttons.out_pin, buttons.break_pin, buttons.tamper_pin, buttons.motion_pin)
    ]


def test_every_record_kind_is_described() -> None:
    protocol = (ROOT / "docs/protocol.md").read_text()
    said = [f"**{kind}**" in protocol or f"`{kind}`" in protocol for kind in Kind]
    assert [kind for kind, found in zip(Kind, said, strict=True) if not found] == []


def test_every_alarm_says_what_to_do() -> None:
    from edge.domain.attendance import states
    from edge.journal import capacity
    from edge.terminal.runtime.alarms import Alarm

    page = (ROOT / "docs/operations.md").read_text()
    words = {str(fault) for fault in states.Fault} | {capacity.FULL, capacity.NEARLY_FULL, capacity.FILLING}
    words |= set(Alarm)
    rows = " ".join(re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE))
    assert [word for word in sorted(words) if f"`{word}`" not in rows] == []


def test_the_threat_model_names_what_is_not_covered() -> None:
    page = (ROOT / "docs/threat-model.md").read_text()
    assert "a card that lies about flushes" in page
    assert "holds the terminal's private key" in page
    assert "power-loss protection" in (ROOT / "docs/operations.md").read_text()


def test_the_readme_shows_both_commands_first() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:25])
    assert "make demo" in first_screen
    assert "make test" in first_screen


def test_the_picture_in_the_readme_shows_the_demo_and_loads_nothing() -> None:
    from tests.docs.demo_picture import PICTURE

    picture = PICTURE.read_text()
    words = html.unescape(re.sub(r"<[^>]+>", " ", picture)).replace("\xa0", " ")
    told = [
        " ".join(line.split())
        for line in re.findall(r'(?:say|act)\("([^"]+)', (ROOT / "edge/demo/story.py").read_text())
    ]
    assert "](docs/demo.svg)" in (ROOT / "README.md").read_text()
    assert [line for line in told if line not in words] == []
    assert not re.search(r"<script|@import|@font-face|href|url\(http", picture)


def test_every_file_that_the_readme_names_is_there() -> None:
    text = (ROOT / "README.md").read_text()
    named = {n.split("#")[0] for n in re.findall(r"\]\(([^)]+)\)", text)} | set(
        re.findall(r"`((?:tests|edge|docs)/[\w/.]+)`", text)
    )
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_ci_runs_make_test() -> None:
    assert "make test" in (ROOT / ".ci/run").read_text()


def test_every_dependency_is_argued() -> None:
    decisions = (ROOT / "docs/adr/0002-dependencies.md").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[<>=\[; ]", line)[0] for line in project["dependencies"]}
    assert [name for name in sorted(names) if name not in decisions] == []


def test_what_is_said_of_the_strobe_is_what_it_does_and_that_it_was_not_measured() -> None:
    from edge.domain.face import StrobeFinding
    from edge.domain.pad import strobe, strobe_timing
    from edge.terminal.attendance.strobe import BLIND, UNSETTLED

    wiring, card = (ROOT / "docs/wiring.md").read_text(), (ROOT / "models/fr-liveness.md").read_text()
    protocol, facts = (ROOT / "docs/protocol.md").read_text(), (ROOT / "docs/facts.md").read_text()
    assert "IEC 62471" in wiring
    assert f"at most {strobe_timing.LONGEST_MS} ms at once and once in {strobe_timing.EVERY_MS:,} ms" in wiring
    assert f"`camera.fps` from {strobe_timing.SLOWEST_FPS} on" in (ROOT / "docs/configuration.md").read_text()
    for limit in (strobe.FLAT, strobe.AROUND, strobe.SPOT):
        assert f"| {limit} |" in card
    assert f"| {strobe.DIM} and less |" in card
    assert f"more than {strobe.MOVED:.0%}".replace("%", " %") in card
    assert (strobe.LEAST, strobe.BURNT, BLIND) == (1 / 5, 1 / 10, 20), "in words, in the card"
    for word in (*StrobeFinding, UNSETTLED):
        assert f"`strobe_{word}`" in protocol
    assert "It was not measured" in card
    assert "not measured on attacks" in (ROOT / "docs/configuration.md").read_text()
    assert "the infrared strobe" in facts[facts.index("## Not measured yet") :]
