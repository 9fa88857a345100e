"""The sections and keys of the configuration, each with its type, its limits and its default."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from edge.domain.people.consent import LANGUAGE
from edge.domain.protocol.fields import NAME

CREDENTIAL = "credential:"
"""The beginning of a key path that names a file in systemd's $CREDENTIALS_DIRECTORY."""
Name = Annotated[
    str,
    Meta(
        pattern=rf"\A{NAME.pattern}\Z",
        description="1 to 32 lower-case letters, digits and -, the first not a -, and not roster",
    ),
]
Pin = Annotated[int, Meta(ge=2, le=27)]
"""A BCM pin number. GPIO 0 and 1 are excluded, because they are the identification bus of a HAT."""
OptionalPin = Annotated[int, Meta(ge=0, le=27)]
"""A BCM pin number, or 0 where nothing is wired."""


class TerminalConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The terminal's name and site, and how its punches are interpreted."""

    site: Name
    name: Name
    direction: Literal["alternate", "in", "out", "button"] = "alternate"
    duplicate_window_s: Annotated[float, Meta(ge=1, le=3600)] = 60.0
    shift_limit_h: Annotated[float, Meta(ge=1, le=48)] = 16.0


class Storage(Struct, frozen=True, forbid_unknown_fields=True):
    """The folders and the limits of what is stored."""

    state: str = "/var/lib/smartclocker"
    models: str = ""
    max_records: Annotated[int, Meta(ge=1000, le=100_000_000)] = 1_000_000
    max_bytes: Annotated[int, Meta(ge=8_000_000, le=1_000_000_000_000)] = 1_500_000_000
    retention_days: Annotated[int, Meta(ge=1, le=3_650)] = 90
    volatile: bool = False


class Keys(Struct, frozen=True, forbid_unknown_fields=True):
    """The files that hold keys; never the keys themselves."""

    identity: str = CREDENTIAL + "identity"
    storage: str = CREDENTIAL + "storage"
    ledger: str = "/etc/smartclocker/ledger.pem"
    authority: str = ""


class CameraConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The source of frames."""

    kind: Literal["pi", "usb", "replay"] = "pi"
    number: Annotated[int, Meta(ge=0, le=3)] = 0
    device: str = ""
    width: Annotated[int, Meta(ge=320, le=1920)] = 640
    height: Annotated[int, Meta(ge=240, le=1080)] = 480
    fps: Annotated[int, Meta(ge=2, le=60)] = 15
    rotate: Literal[0, 90, 180, 270] = 0
    flip: Literal["none", "horizontal", "vertical"] = "none"
    crop: Annotated[
        str,
        Meta(
            pattern=r"\A(?:\d{1,2} \d{1,2} \d{1,3} \d{1,3})?\Z",
            description='left, top, width and height in per cent, e.g. "20 0 60 100", or "" for the whole picture',
        ),
    ] = ""
    replay: str = ""


class SignalsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The outputs for cues: BCM pin numbers, see docs/wiring.md."""

    kind: Literal["gpio", "console"] = "gpio"
    green: Pin = 17
    amber: Pin = 27
    red: Pin = 22
    buzzer: Pin = 18
    buzzer_kind: Literal["passive", "active"] = "passive"


class ReaderConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The readers of badges and PINs. A device is best named by /dev/input/by-id/..., which stays the same after a
    restart.
    """

    kind: Literal["none", "evdev", "script"] = "none"
    badge: str = ""
    keypad: str = ""
    script: str = ""


class ButtonsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The buttons, the tamper switch and the motion sensor: BCM pin numbers, see docs/wiring.md."""

    kind: Literal["none", "gpio", "script"] = "none"
    in_pin: OptionalPin = 5
    out_pin: OptionalPin = 6
    break_pin: OptionalPin = 13
    tamper_pin: OptionalPin = 0
    motion_pin: OptionalPin = 0
    pull: Literal["up", "down"] = "up"
    debounce_ms: Annotated[int, Meta(ge=0, le=200)] = 30
    script: str = ""


class Recognition(Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of recognition: how strict it is, and what is asked besides a face."""

    target_fpir: Annotated[float, Meta(ge=1e-6, le=0.05)] = 0.001
    threads: Annotated[int, Meta(ge=1, le=4)] = 2
    frames: Annotated[int, Meta(ge=2, le=10)] = 3
    mode: Literal["face", "badge+face", "badge"] = "face"
    challenge: Literal["none", "turn"] = "none"
    strobe: OptionalPin = 0
    shadow: str = ""


class PolicyConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The privacy policy that people consented to."""

    version: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=40,
            pattern=r"\A[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z",
            description="one line of 1 to 40 characters",
        ),
    ]
    text: str
    language: Annotated[
        str, Meta(pattern=rf"\A{LANGUAGE.pattern}\Z", description="a language tag such as 'en' or 'pt-BR'")
    ] = "en"


class UplinkConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The broker: MQTT v5 over mutual TLS."""

    host: Annotated[str, Meta(min_length=1, max_length=253)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 8883
    ca: str = "/etc/smartclocker/tls/ca.pem"
    certificate: str = "/etc/smartclocker/tls/terminal.pem"
    key: str = CREDENTIAL + "tls-key"
    keepalive_s: Annotated[int, Meta(ge=5, le=30)] = 20
    window: Annotated[int, Meta(ge=1, le=1000)] = 128
    resend_s: Annotated[float, Meta(ge=1, le=600)] = 10.0


class Evidence(Struct, frozen=True, forbid_unknown_fields=True):
    """The employer's opt-in to one sealed image a punch; without this section none is taken."""

    key: str
    max_bytes: Annotated[int, Meta(ge=1_000_000, le=100_000_000_000)] = 500_000_000
    max_edge_px: Annotated[int, Meta(ge=96, le=1280)] = 320


class ControlConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The socket by which the command line reaches the running terminal."""

    socket: str = ""
    group: Annotated[
        str,
        Meta(
            pattern=r"\A[a-z_][a-z0-9_-]{0,31}\Z",
            description="the name of a group: 1 to 32 lower-case letters, digits, _ and -, the first no digit or -",
        ),
    ] = "smartclocker-operators"


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `[uplink]` may be absent: a terminal without a centre keeps its records for export."""

    terminal: TerminalConfig
    policy: PolicyConfig
    storage: Storage = Storage()
    keys: Keys = Keys()
    camera: CameraConfig = CameraConfig()
    signals: SignalsConfig = SignalsConfig()
    recognition: Recognition = Recognition()
    reader: ReaderConfig = ReaderConfig()
    control: ControlConfig = ControlConfig()
    buttons: ButtonsConfig = ButtonsConfig()
    uplink: UplinkConfig | None = None
    evidence: Evidence | None = None
