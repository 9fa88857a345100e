"""Starting a terminal although parts fail that punching does not need (docs/adr/0010-what-fails-alone.md)."""

import logging
import os
import secrets
import time
from dataclasses import dataclass

from edge.adapters.linux.service_account import group_number
from edge.adapters.mqtt.tls import UplinkSettings
from edge.config_schema import Config
from edge.domain.face import Frame, Pixels, Sight
from edge.domain.people.consent import Policy
from edge.domain.recognition.head_turn import Side
from edge.errors import ConfigError, ModelError
from edge.ports import Clock
from edge.terminal import adapters, factory, installed
from edge.terminal.attendance.attend_loop import Rules
from edge.terminal.attendance.next_model import NextModelLearner
from edge.terminal.control.actions import ControlParts
from edge.terminal.control.admission import Admission
from edge.terminal.control.service import ControlService
from edge.terminal.control.status_report import StatusReport
from edge.terminal.orders.tickets import Tickets
from edge.terminal.runtime.lending import Lending
from edge.terminal.runtime.status_source import StatusSource
from edge.terminal.site.hearing import SiteHearing
from edge.terminal.uplink.centre import CentreLink, Made
from edge.terminal.uplink.certificates import Watch
from edge.terminal.uplink.publisher import Publisher
from edge.vision.pipeline import Pipeline

_log = logging.getLogger(__name__)
_NOBODY = {0.001: 0.9, 0.0001: 1.0}
"""A table of false match rates for a terminal that compares no faces; its values have no effect."""


@dataclass(frozen=True, slots=True)
class Seeing:
    """The parts that recognise faces and the terminal's policies; `blind` when models or policy cannot be used."""

    rules: Rules
    pipeline: Pipeline
    template_length: int | None
    """Number of values in a template of this model; None when no faces are compared."""
    blind: bool = False
    """Nobody is recognised; only badge and PIN count."""


class NoEyes(Pipeline):
    """Stands for models that cannot be used: it sees nobody, and nobody has its templates."""

    def __init__(self) -> None:
        """Load nothing."""

    @property
    def embedder_id(self) -> str:
        """The id of no model."""
        return "none"

    @property
    def model_ids(self) -> tuple[str, ...]:
        """Empty: no model is in use."""
        return ()

    def enrolling(self) -> Pipeline:
        """This one: there is nothing to enrol with."""
        return self

    def look(self, frame: Frame) -> Sight:
        """A sight without a face."""
        return Sight(frame.captured_ns)

    def aligned(self, frame: Frame) -> Pixels | None:  # noqa: ARG002 - as the pipeline has it
        """None: there is no face."""
        return None


def seeing(config: Config) -> Seeing:
    """The models and the policy.

    Raises ModelError or ConfigError if punching needs them: without a reader, and with `badge+face`. Otherwise the
    terminal is blind.
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
    """Whether models and policy were mended, as far as that can be told without loading them."""
    try:
        installed.policy(config)
        return not installed.model_store(config).verify_all()
    except (ModelError, ConfigError):
        return False


def shadow(config: Config, eyes: Seeing) -> tuple[NextModelLearner | None, bool]:
    """The learner for the coming model, and whether one is configured that cannot be used."""
    if eyes.blind:
        return None, False
    try:
        return factory.shadow(config, eyes.pipeline), False
    except (ModelError, ConfigError) as error:
        _log.error("the coming model learns nothing until this is mended and we start again: %s", error)
        return None, True


def centre(
    config: Config,
    own: installed.Secrets,
    clock: Clock,
    status: StatusSource,
    in_force: Policy,
    hearing: SiteHearing | None = None,
) -> CentreLink | None:
    """The link to the centre; None for a terminal without a centre. `own` are the keys that punching needs.

    `in_force` is the policy of this start: the attending loop, orders and the roster judge by the same policy. A
    text that is changed meanwhile counts from the next start. If the text could not be read at this start, the link
    reads it when it is there. `hearing` tells the attending loop whether the site's other terminals are heard.
    """
    chosen = config.uplink
    if chosen is None:
        return None

    told = hearing or SiteHearing()

    def make() -> Made:
        keys, lacking = installed.with_pinned(config, own)
        uplink = adapters.uplink(config)
        if uplink is None:
            raise ConfigError("[uplink]", ["uplink: is missing; this terminal has no centre"])
        policy = in_force if in_force.sha256 or keys.authority is None else installed.policy(config)
        roster = factory.roster(config, keys, clock, policy)
        publisher = Publisher(
            uplink,
            lambda: installed.open_journal(config, own),
            installed.origin(config),
            keys.ledger,
            clock,
            window=chosen.window,
            resend_s=chosen.resend_s,
            status=status,
            orders=factory.orders(config, keys, clock, policy),
            roster=roster,
            site=factory.site_records(config, keys, clock, roster, told),
        )
        return Made(publisher, uplink, lacking, _pinned(keys, lacking))

    return CentreLink(make, lambda: _pinned(*installed.with_pinned(config, own)))


def _pinned(secrets: installed.Secrets, lacking: tuple[str, ...]) -> tuple[object, ...]:
    """A value that changes when the keys or the policy on the disk change: problems, and the pinned keys."""
    authority = secrets.authority
    return lacking, sorted(secrets.ledger), None if authority is None else bytes(authority)


def control(
    config: Config,
    own: installed.Secrets,
    clock: Clock,
    status: StatusSource,
    eyes: Seeing,
    lending: Lending,
    kept: Tickets,
) -> ControlService:
    """The service of the control socket, not yet open."""
    admission = Admission(os.geteuid(), config.control.group, group_number(config.control.group))
    parts = ControlParts(
        open_people=lambda: installed.open_people(config, own),
        open_journal=lambda: installed.open_journal(config, own),
        policy=lambda: installed.policy(config),
        lookalike=lambda probes, people: factory.lookalike(config, probes, people),
        first_side=lambda: secrets.choice(tuple(Side)),
        clock=clock,
        camera=config.recognition.mode != "badge" and not eyes.blind,
        reader=config.reader.kind != "none",
        strobe=bool(config.recognition.strobe),
        language=config.policy.language,
        tickets=kept,
    )
    report = StatusReport(
        installed.origin(config), eyes.pipeline.model_ids, parts.open_journal, lending, status, clock
    )
    return ControlService(installed.control_path(config), admission, lending, parts, report.fields)


def tickets(config: Config, own: installed.Secrets, clock: Clock) -> Tickets:
    """The tickets of the authority for enrolments at this terminal."""
    return Tickets(installed.origin(config), lambda: installed.with_pinned(config, own)[0].authority, clock)


def certificates(config: Config) -> Watch:
    """The watch that warns before a certificate of the uplink ends."""

    def settings() -> UplinkSettings | None:
        try:
            return None if config.uplink is None else adapters.uplink_settings(config)
        except ConfigError:
            return None  # the uplink reports it

    return Watch(settings, time.monotonic)


def _policy(config: Config) -> Policy:
    """The policy in force; when it cannot be read, one that nobody agreed to."""
    try:
        return installed.policy(config)
    except ConfigError:
        return Policy(config.policy.version, "")
