"""From a configuration to the parts of a terminal: the one place that knows every adapter."""

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from nacl.signing import SigningKey, VerifyKey

from edge.config import Config, credential
from edge.crypto.dsse import key_id
from edge.crypto.key_files import load_identity, load_public, load_sealing, load_secret
from edge.domain.attendance.punch_direction import DirectionPolicy
from edge.domain.face import Probe
from edge.domain.people.consent import Policy
from edge.domain.protocol.record import Origin
from edge.domain.recognition import lookalikes
from edge.domain.recognition.decision import DecisionPolicy
from edge.domain.recognition.gallery import threshold
from edge.domain.recognition.quality import ENROLMENT_LIMITS, QualityLimits
from edge.domain.vocabulary import Direction
from edge.errors import ConfigError, JournalError, KeyFileError
from edge.evidence_images.schema import NAME as EVIDENCE
from edge.journal.capacity import Bounds
from edge.journal.disk_reserve import Reserve
from edge.journal.journal import Journal
from edge.journal.quarantine import ensure_usable, is_vanished
from edge.people.people_store import People
from edge.people.roster.state import RosterState
from edge.ports import Camera, Clock, Reader, Signals, Strobe, Uplink
from edge.resources import models_directory
from edge.storage.bounded_read import read_file
from edge.terminal.attendance.capture import Pace
from edge.terminal.attendance.face_recognition import FaceRecognition, FaceRules
from edge.terminal.attendance.gallery import GalleryLoader
from edge.terminal.attendance.image_capture import CaptureSettings, ImageCapture
from edge.terminal.attendance.loop import Rules
from edge.terminal.attendance.next_model import NextModelLearner
from edge.terminal.attendance.sights import Sights
from edge.terminal.attendance.site_threshold import SiteThreshold
from edge.terminal.attendance.strobe import Strobing
from edge.terminal.orders.authority_keys import Authority
from edge.terminal.orders.order_handler import Orders
from edge.terminal.runtime.earlier_life import is_lived_in
from edge.terminal.uplink.roster_client import Roster
from edge.vision.embedder import Embedder
from edge.vision.manifest import Role
from edge.vision.models import ModelStore
from edge.vision.pipeline import Pipeline

if TYPE_CHECKING:
    from edge.adapters.mqtt.tls import UplinkSettings


_MOST_POLICY = 1_000_000
"""Bytes of a policy's text."""
LEDGER_ORIGIN = "copy the centre's ledger.pem there (`smartclocker central init` made it)"
AUTHORITY_ORIGIN = "copy the centre's authority.pem there (`smartclocker central authority init` made it)"


@dataclass(frozen=True, slots=True)
class Secrets:
    """Every key that a terminal holds, loaded and checked."""

    identity: SigningKey
    storage: bytes
    """32 bytes; wraps the people's keys."""
    ledger: Mapping[str, VerifyKey]
    """The pinned public keys whose receipts count, by key id; empty without an uplink."""
    authority: VerifyKey | None = None
    """The pinned public key whose orders count, with those that it names to follow it; None refuses them all."""

    def __repr__(self) -> str:
        """Says nothing: it may end up in a log."""
        return "Secrets(...)"


def load_secrets(config: Config) -> Secrets:
    """Raises KeyFileError or ConfigError, naming the file and the cure."""
    pinned = _ledger(config), _authority(config)
    return replace(own_secrets(config), ledger=pinned[0], authority=pinned[1])


def own_secrets(config: Config) -> Secrets:
    """What punching needs: identity and storage key, without any pinned key. Raises KeyFileError or ConfigError."""
    identity, storage = credential(config.keys.identity), credential(config.keys.storage)
    return Secrets(load_identity(identity), load_secret(storage), {})


def with_pinned(config: Config, own: Secrets) -> tuple[Secrets, tuple[str, ...]]:
    """The same with what is pinned, as far as it can be read, and what is wrong with the rest."""
    problems = []
    try:
        own = replace(own, ledger=_ledger(config))
    except KeyFileError as error:
        problems.append(str(error))
    try:
        if config.keys.authority:
            policy(config)  # no order and no roster can be judged without
        own = replace(own, authority=_authority(config))
    except (KeyFileError, ConfigError) as error:
        problems.append(str(error))
    return own, tuple(problems)


def _ledger(config: Config) -> Mapping[str, VerifyKey]:
    if config.uplink is None:
        return {}
    key = load_public(Path(config.keys.ledger), LEDGER_ORIGIN)
    return {key_id(key): key}


def _authority(config: Config) -> VerifyKey | None:
    return load_public(Path(config.keys.authority), AUTHORITY_ORIGIN) if config.keys.authority else None


def origin(config: Config) -> Origin:
    """Who this terminal is."""
    return Origin(config.terminal.site, config.terminal.name)


def journal_path(config: Config) -> Path:
    """The journal's file."""
    return Path(config.storage.state) / "journal.db"


def bounds(config: Config) -> Bounds:
    """How much the journal may hold."""
    storage = config.storage
    return Bounds(storage.max_records, storage.max_bytes, storage.retention_days)


def secure_journal(
    config: Config, secrets: Secrets, time: Clock, slow: Callable[[], object] = lambda: None
) -> None:
    """Before anything opens it: set aside a journal that cannot be used. Raises JournalError.

    A full disk is no reason to fail: the journal has a reserve. `slow` is called before what may take minutes.
    """
    path = journal_path(config)
    reserve = Reserve(path, config.storage.max_bytes)
    lived = partial(is_lived_in, path.parent)
    reserve.lend(lambda: ensure_usable(path, origin(config), secrets.identity, time.evidence, lived, slow))


def open_journal(config: Config, secrets: Secrets) -> Journal:
    """A connection to the journal for the calling thread; made where there never was one. Raises JournalError."""
    path = journal_path(config)
    if is_vanished(path, partial(is_lived_in, path.parent)):
        raise JournalError(
            f"{path}: is gone, and was there: start the service, which begins a new one that says so, and look for "
            "the old one"
        )
    reserve = Reserve(path, config.storage.max_bytes)
    return reserve.lend(lambda: Journal(path, origin(config), secrets.identity))


def open_people(config: Config, secrets: Secrets) -> People:
    """A connection to the roster for the calling thread. Raises PeopleError."""
    return People(Path(config.storage.state) / "people.db", secrets.storage)


def orders(config: Config, secrets: Secrets, time: Clock, in_force: Policy) -> Orders | None:
    """What takes the authority's orders; None for a terminal that has none. `in_force` is who attends' policy."""
    if secrets.authority is None:
        return None
    return Orders(
        origin(config),
        secrets.identity,
        secrets.authority,
        lambda: open_people(config, secrets),
        in_force,
        time,
    )


def taking(config: Config) -> CaptureSettings | None:
    """How evidence images are taken; None where none is. Raises KeyFileError."""
    chosen = config.evidence
    if chosen is None:
        return None
    return CaptureSettings(load_sealing(Path(chosen.key)), chosen.max_bytes, chosen.max_edge_px)


def image_capture(config: Config, secrets: Secrets, time: Clock) -> ImageCapture | None:
    """What keeps evidence images; None where none is to be taken or deleted."""
    path = Path(config.storage.state) / EVIDENCE
    if config.evidence is None and not path.exists():
        return None
    return ImageCapture(path, time, lambda: open_people(config, secrets), lambda: taking(config))


def open_received(config: Config, *, mend: bool = True) -> RosterState:
    """A connection to what came of the roster, for the calling thread; as `RosterState`. Raises PeopleError."""
    return RosterState(Path(config.storage.state) / "roster.db", mend=mend)


def roster(config: Config, secrets: Secrets, time: Clock, in_force: Policy) -> Roster | None:
    """What takes the site's roster; None for a terminal that has no authority. `in_force` as for orders."""
    pinned = secrets.authority
    if pinned is None:
        return None

    def keys(people: People) -> Mapping[str, VerifyKey]:
        evidence = time.evidence()
        return Authority(pinned, people.orders).keys(evidence.utc if evidence.synchronised else None)

    return Roster(
        origin(config),
        secrets.identity,
        keys,
        lambda: open_people(config, secrets),
        lambda: open_received(config),
        in_force,
        time,
    )


def policy(config: Config) -> Policy:
    """The privacy policy in force, hashed from its very bytes. Raises ConfigError when its text cannot be read."""
    try:
        text = read_file(config.policy.text, _MOST_POLICY)
    except OSError as error:
        cure = "put the text of the policy there; people consent to it, so it must be at hand"
        raise ConfigError(
            config.policy.text, [f"policy.text: {config.policy.text} cannot be read: {error.strerror}; {cure}"]
        ) from error
    return Policy(config.policy.version, hashlib.sha256(text).hexdigest())


def policy_text(config: Config) -> str:
    """What people are shown and agree to. Raises ConfigError when it cannot be read, is empty, or is no text."""
    policy(config)
    try:
        text = read_file(config.policy.text, _MOST_POLICY).decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise ConfigError(
            config.policy.text, [f"policy.text: {config.policy.text} is not UTF-8 text; save it as UTF-8"]
        ) from None
    if not text.strip():
        raise ConfigError(
            config.policy.text, [f"policy.text: {config.policy.text} is empty, and people consent to it; write it"]
        )
    return text


def model_store(config: Config) -> ModelStore:
    """The models. Raises ModelError."""
    return ModelStore(models_directory(config.storage.models))


def pipeline(config: Config, store: ModelStore, *, enrolling: bool = False) -> Pipeline:
    """Load the models and check their hashes; for enrolment under its own limits. Raises ModelError."""
    limits = ENROLMENT_LIMITS if enrolling else QualityLimits()
    return Pipeline(store, limits, threads=config.recognition.threads, mirrored=enrolling)


def recognition(
    config: Config,
    rules: Rules,
    pipeline: Pipeline,
    pace: Pace,
    strobe: Strobing | None = None,
    template_length: int | None = None,
) -> tuple[Sights, FaceRecognition, GalleryLoader]:
    """The parts of the attending loop that recognise faces: what is seen, who it is, and who is enrolled."""
    site = SiteThreshold(Path(config.storage.state), pipeline.embedder_id)
    faces = FaceRecognition(rules.faces, pipeline.model_ids, site.scores)
    return Sights(pipeline, pace, strobe), faces, GalleryLoader(faces, site, rules.consent, template_length)


def coming(config: Config) -> str | None:
    """The template id of the coming model that learns here; None without one. Raises ModelError."""
    chosen = config.recognition.shadow
    return ModelStore(Path(chosen)).template.id if chosen else None


def shadow(config: Config, pipeline: Pipeline) -> NextModelLearner | None:
    """What teaches the coming model, when one is configured. Raises ModelError, ConfigError."""
    if not config.recognition.shadow:
        return None
    store = ModelStore(Path(config.recognition.shadow))
    if store.template.id == pipeline.embedder_id:
        raise ConfigError(
            config.recognition.shadow,
            [f"recognition.shadow: holds {store.template.id}, in use already; name a coming model"],
        )
    models = [store.load(role, threads=config.recognition.threads) for role in (Role.EMBEDDER, Role.COMPANION)]
    return NextModelLearner(pipeline, Embedder(models, store.template), policy(config))


def lookalike(config: Config, probes: Sequence[Probe], people: People) -> str | None:
    """Who is enrolled already and would be taken for the person of these probes, as this terminal matches."""
    store = model_store(config)
    length = store.template_length
    gallery = people.gallery(probes[0].model_id, policy(config), unreadable=[], length=length)
    fmr = {float(rate): cosine for rate, cosine in store.template.fmr.items()}
    site = SiteThreshold(Path(config.storage.state), probes[0].model_id)
    site.changed()
    asked = threshold(gallery.size, fmr, config.recognition.target_fpir) + site.shift
    return lookalikes.lookalike(np.stack([probe.embedding for probe in probes]), gallery, asked)


def rules(config: Config, store: ModelStore) -> Rules:
    """The policies of this terminal. Raises ConfigError, ModelError."""
    return rules_of(config, policy(config), {float(rate): cosine for rate, cosine in store.template.fmr.items()})


def rules_of(config: Config, consent: Policy, fmr: Mapping[float, float]) -> Rules:
    """The same with what is read from elsewhere: the privacy policy, and the model's false match rates."""
    terminal = config.terminal
    fixed = None if terminal.direction == "alternate" else Direction(terminal.direction)
    return Rules(
        consent=consent,
        direction=DirectionPolicy(fixed, terminal.duplicate_window_s, terminal.shift_limit_h * 3600),
        faces=FaceRules(
            DecisionPolicy(frames=config.recognition.frames, strobe=bool(config.recognition.strobe)),
            config.recognition.target_fpir,
            fmr,
            config.recognition.challenge == "turn",
            config.recognition.mode,
        ),
        bounds=bounds(config),
        reader=config.reader.kind != "none",
    )


def camera(config: Config) -> Camera:
    """The configured camera, not yet opened."""
    chosen = config.camera
    if chosen.kind == "replay":
        from edge.adapters.replay.camera import ReplayCamera

        return ReplayCamera(Path(chosen.replay), fps=chosen.fps, size=(chosen.width, chosen.height))
    from edge.adapters.raspberry_pi.camera import PiCamera

    return PiCamera(size=(chosen.width, chosen.height), fps=chosen.fps)


def reader(config: Config) -> Reader | None:
    """The configured badge reader and keypad, not yet opened; None without. Raises ReaderError."""
    chosen = config.reader
    if chosen.kind == "evdev":
        from edge.adapters.linux.badge_reader import EvdevReader

        paths = [Path(name) if name else None for name in (chosen.badge, chosen.keypad)]
        return EvdevReader(paths[0], paths[1])
    if chosen.kind == "script":
        from edge.adapters.replay.badge_reader import ScriptReader

        return ScriptReader(Path(chosen.script))
    return None


def signals(config: Config) -> Signals:
    """The configured lights and buzzer. Raises SignalsError."""
    chosen = config.signals
    if chosen.kind == "console":
        from edge.adapters.replay.console_signals import ConsoleSignals

        return ConsoleSignals(sys.stdout)
    from edge.adapters.raspberry_pi.gpio import open_lgpio
    from edge.adapters.raspberry_pi.signals import GpioPins, GpioSignals

    pins = GpioPins(chosen.green, chosen.amber, chosen.red, chosen.buzzer, chosen.buzzer_kind == "active")
    factory: Any = open_lgpio(Path("/run/smartclocker"))
    return GpioSignals(pins, factory)


def strobe(config: Config) -> Strobe | None:
    """The configured infrared lamp; None without. Photographs have a simulated one. Raises SignalsError."""
    if not config.recognition.strobe:
        return None
    if config.camera.kind == "replay":
        from edge.adapters.replay.strobe import ReplayStrobe

        return ReplayStrobe()
    from edge.adapters.raspberry_pi.gpio import open_lgpio
    from edge.adapters.raspberry_pi.strobe import GpioStrobe

    return GpioStrobe(config.recognition.strobe, open_lgpio(Path("/run/smartclocker")))


def uplink_settings(config: Config) -> "UplinkSettings":
    """Where the broker is and who we are to it. Raises ConfigError without `[uplink]` or its credential."""
    from edge.adapters.mqtt.tls import UplinkSettings

    chosen = config.uplink
    if chosen is None:
        raise ConfigError("[uplink]", ["uplink: is missing; this terminal has no centre"])
    return UplinkSettings(
        chosen.host,
        chosen.port,
        Path(chosen.ca),
        Path(chosen.certificate),
        credential(chosen.key),
        keepalive_s=chosen.keepalive_s,
    )


def uplink(config: Config) -> Uplink | None:
    """The broker connection, not yet started; None for a terminal without a centre."""
    if config.uplink is None:
        return None
    from edge.adapters.mqtt.uplink import MqttUplink
    from edge.domain.protocol import topics
    from edge.domain.roster.topics import subscriptions
    from edge.terminal.uplink.status import last_will

    me = origin(config)
    down = [topics.receipt(me), topics.command(me)]
    if config.keys.authority:
        down += subscriptions(me)
    return MqttUplink(uplink_settings(config), me, last_will(me), down)


def clock() -> Clock:
    """The system's."""
    from edge.adapters.linux.clock import SystemClock

    return SystemClock()
