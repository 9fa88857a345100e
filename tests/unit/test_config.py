"""The configuration: every problem at once, each naming key, range and cure."""

import os
import tomllib
from pathlib import Path

import pytest

from edge import config
from edge.errors import ConfigError

EXAMPLE = Path("provisioning/config.example.toml")
LEAST = '[terminal]\nsite = "main"\nname = "t1"\n[policy]\nversion = "1"\ntext = "policy.md"\n'


def load(tmp_path: Path, text: str | bytes) -> config.Loaded:
    path = tmp_path / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return config.load(path)


def problems(tmp_path: Path, text: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert caught.value.exit_code == 78
    return caught.value.problems


def test_the_example_is_valid_and_its_commented_defaults_are_the_defaults() -> None:
    text = EXAMPLE.read_text()
    given = config.check(tomllib.loads(text), EXAMPLE.resolve())
    shown = "\n".join(
        line.removeprefix("# ")
        if line.startswith("# ") and " = " in line and ":" not in line.split("=")[0]
        else line
        for line in text.splitlines()
    )
    spelled = config.check(tomllib.loads(shown), EXAMPLE.resolve())
    assert len(spelled.given) > 25
    assert {key for key, _, _ in spelled.rows()} == set(spelled.given), "the example must name every key"
    assert {k: v for k, v, _ in spelled.rows() if k != "camera.replay"} == {
        k: v for k, v, _ in given.rows() if k != "camera.replay"
    }


def test_the_least_configuration(tmp_path: Path) -> None:
    loaded = load(tmp_path, LEAST)
    assert loaded.config.uplink is None
    assert loaded.config.policy.text == str(tmp_path / "policy.md")
    rows = {key: (value, source) for key, value, source in loaded.rows()}
    assert rows["terminal.site"] == ("main", "file")
    assert rows["camera.fps"] == (15, "default")


def test_a_strobe_needs_a_pin_of_its_own_where_lights_are_wired(tmp_path: Path) -> None:
    assert load(tmp_path, LEAST).config.recognition.strobe == 0
    assert load(tmp_path, LEAST + "[recognition]\nstrobe = 23\n").config.recognition.strobe == 23
    drawn = "[recognition]\nstrobe = 27\n[signals]\nkind = 'console'\n"
    assert load(tmp_path, LEAST + drawn).config.recognition.strobe == 27


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = """
        colour = 1
        [terminal]
        site = "Main Street"
        nmae = "x"
        duplicate_window_s = "60"
        [policy]
        version = ""
        text = "p.md"
        [camera]
        kind = "webcam"
        fps = 600
        [uplnk]
        host = "h"
    """
    found = problems(tmp_path, text)
    for expected in [
        "colour: unknown key",
        "uplnk: unknown key; did you mean uplink?",
        "terminal.nmae: unknown key; did you mean terminal.name?",
        "terminal.name: is missing",
        "terminal.site: 'Main Street' is not allowed",
        "terminal.duplicate_window_s: '60' is not allowed; it must be a number from 1 to 3600",
        "policy.version: '' is not allowed",
        'camera.kind: \'webcam\' is not allowed; it must be one of "pi", "usb", "replay"',
        "camera.fps: 600 is not allowed; it must be a whole number from 2 to 60",
    ]:
        assert any(line.startswith(expected) for line in found), f"{expected!r} is not in {found}"
    assert len(found) == 9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "[terminal]: is missing"),
        ("[terminal\n", "is not TOML"),
        (b"\xff\xfe", "cannot be read"),
        ("terminal = 3\n", "terminal: must be a table"),
        (LEAST + "[camera]\nkind = 'replay'\n", "camera.replay: is missing"),
        (LEAST + "[camera]\nkind = 'usb'\n", "camera.device: is missing"),
        (LEAST + "[camera]\nrotate = 45\n", "camera.rotate: 45 is not allowed; it must be one of 0, 90, 180, 270"),
        (LEAST + "[camera]\nrotate = '90'\n", "camera.rotate: '90' is not allowed"),
        (LEAST + "[camera]\nflip = 'both'\n", "camera.flip: 'both' is not allowed; it must be one of \"none\""),
        (
            LEAST + "[camera]\ncrop = '0 0 50'\n",
            "camera.crop: '0 0 50' is not allowed; it must be left, top",
        ),
        (LEAST + "[camera]\ncrop = '60 0 60 100'\n", "camera.crop: '60 0 60 100' is not allowed; left and width"),
        (LEAST + "[camera]\ncrop = '0 0 19 100'\n", "camera.crop: '0 0 19 100' is not allowed"),
        (LEAST + "[camera]\nnumber = 4\n", "camera.number: 4 is not allowed"),
        (LEAST + "[signals]\ngreen = 17\nred = 17\n", "signals: each output needs a pin"),
        (LEAST + "[signals]\ngreen = 1\n", "signals.green: 1 is not allowed"),
        (LEAST + "[recognition]\nstrobe = 28\n", "recognition.strobe: 28 is not allowed"),
        (
            LEAST + "[buttons]\nkind = 'gpio'\nin_pin = 0\nout_pin = 0\nbreak_pin = 0\n",
            "buttons.in_pin: is missing",
        ),
        (LEAST + "[buttons]\nkind = 'script'\n", "buttons.script: is missing"),
        (LEAST + "[buttons]\nin_pin = 28\n", "buttons.in_pin: 28 is not allowed"),
        (LEAST + "[buttons]\nkind = 'gpio'\nin_pin = 1\n", "buttons.in_pin: GPIO 1 identifies a HAT"),
        (
            LEAST + "[buttons]\nkind = 'gpio'\nout_pin = 17\n",
            "buttons.out_pin: GPIO 17 is signals.green already; choose another",
        ),
        (
            LEAST + "[buttons]\nkind = 'gpio'\nbreak_pin = 23\n[recognition]\nstrobe = 23\n",
            "buttons.break_pin: GPIO 23 is recognition.strobe already",
        ),
        (
            LEAST + "[buttons]\nkind = 'gpio'\nin_pin = 5\ntamper_pin = 5\n",
            "buttons.tamper_pin: GPIO 5 is buttons.in_pin already",
        ),
        (LEAST + "[buttons]\nkind = 'gpio'\nmotion_pin = 3\n", "buttons.motion_pin: GPIO 3 is pulled up"),
        (LEAST + "[buttons]\nkind = 'gpio'\nin_pin = 2\npull = 'down'\n", "buttons.in_pin: GPIO 2 is pulled up"),
        (
            LEAST.replace("[terminal]", "[terminal]\ndirection = 'button'"),
            'terminal.direction: "button" needs buttons; set buttons.kind',
        ),
        (
            LEAST.replace("[terminal]", "[terminal]\ndirection = 'button'")
            + "[buttons]\nkind = 'gpio'\nout_pin = 0\n",
            'terminal.direction: "button" needs buttons.in_pin and buttons.out_pin',
        ),
        (LEAST + "[recognition]\nstrobe = 1\n", "recognition.strobe: GPIO 1 identifies a HAT"),
        (LEAST + "[recognition]\nstrobe = 27\n", "recognition.strobe: GPIO 27 already drives a light"),
        (
            LEAST + "[recognition]\nstrobe = 23\n[camera]\nfps = 9\n",
            "recognition.strobe: needs a camera.fps of 10 or more",
        ),
        (
            LEAST + "[recognition]\nstrobe = 23\n[camera]\nkind = 'usb'\ndevice = '/dev/video0'\n",
            'recognition.strobe: needs camera.kind = "pi"',
        ),
        (LEAST + "[recognition]\nthreads = true\n", "recognition.threads: true is not allowed"),
        (LEAST + "[recognition]\ntarget_fpir = nan\n", "recognition.target_fpir: nan is not allowed"),
        (LEAST + "[terminal.more]\nx = 1\n", "terminal.more: unknown key"),
        (LEAST.encode("utf-16"), "cannot be read: it is UTF-16 text; save it as UTF-8"),
        (LEAST.encode() + b"# caf\xe9\n", "cannot be read: line 7 is not UTF-8 text"),
        (LEAST + "[camera]\nfps = 9\nfps = 9\n", "is not TOML: fps is there twice, the second time at line 9"),
        (LEAST + "[terminal]\nname = 't2'\n", "is not TOML: [terminal] is there twice"),
        ("a = " + "[" * 100_000, "is not TOML that can be used: brackets"),
        (LEAST + "[storage]\nmax_records = " + "9" * 5_000, "is not TOML that can be used: it holds a number"),
        (LEAST + "#" * 1_000_001, "is larger than 1,000,000 bytes"),
        (
            LEAST + "[storage]\nmodels = 'x'\nstate = \"a\\u0000b\"\n",
            "storage.state: 'a\\x00b' is not allowed; it must be one",
        ),
        (LEAST + "[storage]\nstate = ''\n", "storage.state: is empty"),
        (LEAST + "[keys]\nledger = 'credential:ledger'\n", "keys.ledger: 'credential:ledger' is not allowed"),
        (LEAST + "[keys]\nidentity = 'credential:../x'\n", "keys.identity: 'credential:../x' is not allowed"),
        (LEAST + "[uplink]\nhost = 'a..b'\n", "uplink.host: 'a..b' is no host name"),
        (LEAST + "[uplink]\nhost = 'two words'\n", "uplink.host: 'two words' is no host name"),
        (LEAST.replace("main", "roster"), "terminal.site: 'roster' is not allowed; it must be 1 to 32"),
        (LEAST.replace("t1", "ledger"), 'terminal.name: "ledger" is the name of a certificate of the centre'),
        (LEAST.replace('"t1"', '"t1\\n"'), "terminal.name: 't1\\n' is not allowed"),
        (LEAST + '"a\\u001bb" = 1\n', "policy.'a\\x1bb': unknown key"),
    ],
)
def test_bad_files(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert any(line.startswith(said) for line in problems(tmp_path, text))


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    assert load(tmp_path, b"\xef\xbb\xbf" + LEAST.replace("\n", "\r\n").encode()).config.terminal.name == "t1"


def test_what_is_no_file_is_named_and_hangs_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path, said in (
        (tmp_path, "cannot be read: Is a directory"),
        (tmp_path / "fifo", r"\[terminal\]: is missing"),
    ):
        with pytest.raises(ConfigError, match=said):
            config.load(path)


def test_a_missing_file_names_the_example(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.example\.toml"):
        config.load(tmp_path / "none.toml")


def test_credentials_come_from_systemd_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigError, match="no systemd credentials"):
        config.credential("credential:identity")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert config.credential("credential:identity") == tmp_path / "identity"
    assert config.credential("/etc/key") == Path("/etc/key")


def test_outside_of_the_service_root_finds_what_the_unit_would_lend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigError, match="smartclocker keys create"):
        config.credential("credential:identity", source=tmp_path)
    (tmp_path / "identity").touch()
    assert config.credential("credential:identity", source=tmp_path) == tmp_path / "identity"
    assert config.credential("credential:identity", "/run/c", tmp_path) == Path("/run/c/identity")


def test_the_unit_takes_its_credentials_from_there() -> None:
    unit = Path("systemd/smartclocker.service").read_text()
    for name in ("identity", "storage", "tls-key"):
        assert f"LoadCredential={name}:{config.CREDENTIAL_SOURCE / name}\n" in unit
