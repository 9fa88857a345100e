"""How a terminal starts without what punching can do without (docs/adr/0010-what-fails-alone.md)."""

import logging
import time
from dataclasses import dataclass

from edge.adapters.mqtt.tls import UplinkSettings
from edge.config_schema import Config
from edge.domain.face import Frame, Pixels, Sight
from edge.domain.people.consent import Policy
from edge.errors import ConfigError, ModelError
from edge.ports import Clock
from edge.terminal import adapters, factory, installed
from edge.terminal.attendance.attend_loop import Rules
from edge.terminal.attendance.next_model import NextModelLearner
from edge.terminal.runtime.status_source import StatusSource
from edge.terminal.uplink.centre import CentreLink, Made
from edge.terminal.uplink.certificates import Watch
from edge.terminal.uplink.publisher import Publisher
from edge.vision.pipeline import Pipeline

_log = logging.getLogger(__name__)
_NOBODY = {0.001: 0.9, 0.0001: 1.0}
"""Rates of false matches for a terminal that compares no faces: any table that rises will do."""


@dataclass(frozen=True, slots=True)
class Seeing:
    """What recognises faces, with the policies of the terminal; without eyes where that failed alone."""

    rules: Rules
    pipeline: Pipeline
    template_length: int | None
    """How many numbers a template of this model has; None where none is compared."""
    blind: bool = False
    """Nobody is recognised: badge and PIN count alone."""


class NoEyes(Pipeline):
    """Stands for models that cannot be used: it sees nobody, and its templates are nobody's."""

    def __init__(self) -> None:
        """Loads nothing."""

    @property
    def embedder_id(self) -> str:
        """Of no model."""
        return "none"

    @property
    def model_ids(self) -> tuple[str, ...]:
        """None are in use."""
        return ()

    def look(self, frame: Frame) -> Sight:
        """Nobody."""
        return Sight(frame.captured_ns)

    def aligned(self, frame: Frame) -> Pixels | None:  # noqa: ARG002 - as the pipeline has it
        """Nobody."""
        return None


def seeing(config: Config) -> Seeing:
    """Models and policy.

    Raises ModelError, ConfigError where punching needs them: without a reader, and with `badge+face`.
    """
    try:
        store = installed.model_store(config)
        rules = factory.rules(config, store)
        return Seeing(rules, factory.pipeline(config, store), store.template_length)
    except (ModelError, ConfigError) as error:
        if config.reader.kind == "none" or config.recognition.mode == "badge+face":
            raise
        _log.error("nobody is recognised, and badge and PIN go on until this is mended: %s", error)
        return Seeing(factory.rules_of(config, _policy(config), _NOBODY), NoEyes(), None, blind=True)


def sees_again(config: Config) -> bool:
    """Whether what made a terminal blind was mended, as far as can be told without loading it."""
    try:
        installed.policy(config)
        return not installed.model_store(config).verify_all()
    except (ModelError, ConfigError):
        return False


def shadow(config: Config, eyes: Seeing) -> tuple[NextModelLearner | None, bool]:
    """What teaches the coming model, and whether one is configured that cannot be used."""
    if eyes.blind:
        return None, False
    try:
        return factory.shadow(config, eyes.pipeline), False
    except (ModelError, ConfigError) as error:
        _log.error("the coming model learns nothing until this is mended and we start again: %s", error)
        return None, True


def centre(
    config: Config, own: installed.Secrets, clock: Clock, status: StatusSource, in_force: Policy
) -> CentreLink | None:
    """The way to the centre; None for a terminal that has none. `own` are the keys that punching needs.

    `in_force` is the policy of this start: who attends, orders and the roster judge by the same one. A text that is
    changed meanwhile counts from the next start. One that could not be read then is read when it is there.
    """
    chosen = config.uplink
    if chosen is None:
        return None

    def make() -> Made:
        secrets, lacking = installed.with_pinned(config, own)
        uplink = adapters.uplink(config)
        if uplink is None:
            raise ConfigError("[uplink]", ["uplink: is missing; this terminal has no centre"])
        policy = in_force if in_force.sha256 or secrets.authority is None else installed.policy(config)
        publisher = Publisher(
            uplink,
            lambda: installed.open_journal(config, own),
            installed.origin(config),
            secrets.ledger,
            clock,
            window=chosen.window,
            resend_s=chosen.resend_s,
            status=status,
            orders=factory.orders(config, secrets, clock, policy),
            roster=factory.roster(config, secrets, clock, policy),
        )
        return Made(publisher, uplink, lacking, _pinned(secrets, lacking))

    return CentreLink(make, lambda: _pinned(*installed.with_pinned(config, own)))


def _pinned(secrets: installed.Secrets, lacking: tuple[str, ...]) -> tuple[object, ...]:
    """What tells whether the keys that count lie there as they did, replaced ones included."""
    authority = secrets.authority
    return lacking, sorted(secrets.ledger), None if authority is None else bytes(authority)


def certificates(config: Config) -> Watch:
    """What says in time that a certificate of the way to the centre ends."""

    def settings() -> UplinkSettings | None:
        try:
            return None if config.uplink is None else adapters.uplink_settings(config)
        except ConfigError:
            return None  # the way to the centre says so

    return Watch(settings, time.monotonic)


def _policy(config: Config) -> Policy:
    """The one in force; one that nobody agreed to where it cannot be read."""
    try:
        return installed.policy(config)
    except ConfigError:
        return Policy(config.policy.version, "")
