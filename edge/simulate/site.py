"""The simulated site: two doors, and a centre where this machine has a broker."""

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edge import config
from edge.adapters.browser.pictures import decode_picture
from edge.central.broker.mosquitto import find_mosquitto
from edge.central.embedded import EmbeddedCentre, embedded_centre
from edge.config_schema import Config
from edge.crypto import key_files
from edge.domain.attendance.states import TABLE, State
from edge.domain.people.consent import MINIMUM_AGE
from edge.errors import BrokerError
from edge.resources import photos_directory
from edge.sandbox import write_terminal
from edge.simulate.door import Door
from edge.simulate.enrolment.guided import GuidedEnrolments
from edge.simulate.enrolment.photographs import Attested, add_sample, enrol_from, enrol_sample
from edge.simulate.events import PageEvents
from edge.simulate.record_watch import RecordWatch
from edge.simulate.sample_people import SAMPLES, SamplePerson, samples_message
from edge.simulate.site_roster import SiteRoster
from edge.terminal import installed

_log = logging.getLogger(__name__)
SITE = "simulated"
DOORS: Mapping[str, str] = {"entrance": "Entrance", "side-door": "Side door"}
"""The names of the terminals, and what people call their doors."""
WINDOW_S = 10.0
"""The duplicate window in seconds; nobody waits a minute before a page."""
READY_S = 60.0
"""Seconds in which the terminals must attend, on a busy machine."""
_SECTIONS = """
[reader]
kind = "script"
script = "{reader}"

[buttons]
kind = "script"
script = "{buttons}"

[recognition]
mode = "{mode}"
challenge = "{challenge}"
"""


@dataclass(frozen=True, slots=True)
class SimulationWish:
    """What the simulated terminals ask for, in the words of the configuration."""

    mode: str = "face"
    challenge: str = "none"
    direction: str = "alternate"


AS_SHIPPED = SimulationWish()


@dataclass
class SimulatedSite:
    """Everything that runs during a simulation."""

    directory: Path
    events: PageEvents
    centre: EmbeddedCentre | None
    """None on a machine without a broker: then there is one door, and no receipts."""
    doors: dict[str, Door] = field(default_factory=dict)
    roster: SiteRoster | None = None
    guided: GuidedEnrolments = field(default_factory=GuidedEnrolments)
    _enrolling: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _network: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def enrol(self, person: SamplePerson) -> None:
        """Enrol a sample person at the first door. Raises SmartClockerError."""
        with self._enrolling:
            enrol_sample(person, next(iter(self.doors.values())).config, self.roster)

    def add(self, person: SamplePerson) -> None:
        """Add a sample person at the first door with a badge, without a face. Raises SmartClockerError."""
        with self._enrolling:
            add_sample(person, next(iter(self.doors.values())).config)

    def enrol_from(self, door: Door, attested: Attested, photographs: Sequence[bytes]) -> None:
        """Enrol somebody at a door from photographs (JPEG). Raises SmartClockerError."""
        with self._enrolling:
            named = ((f"photograph {n}", decode_picture(jpeg)) for n, jpeg in enumerate(photographs, 1))
            enrol_from(attested, named, door.config, self.roster)

    def switch_network(self, on: bool) -> None:
        """Kill the broker, or start it again. Raises BrokerError on a machine without one."""
        if self.centre is None:
            raise BrokerError("there is no broker here: `apt install mosquitto`, then start the simulator again")
        with self._network:
            if on:
                self.centre.broker.stop()
                self.centre.broker.start()
            else:
                self.centre.broker.kill()
            self.events.tell("network", {"on": on})

    def message(self) -> dict[str, object]:
        """What a page needs to know once."""
        first = next(iter(self.doors.values())).config
        return {
            "doors": [{"name": name, "title": door.title} for name, door in self.doors.items()],
            "centre": self.centre is not None,
            "size": [first.camera.width, first.camera.height],
            "window_s": first.terminal.duplicate_window_s,
            "people": samples_message(),
            "minimum_age": MINIMUM_AGE,
            "policy": installed.policy_text(first),
            "states": states_message(),
        }


def states_message() -> list[dict[str, object]]:
    """The state machine: each state, and the events that lead out of it."""
    return [
        {
            "name": str(state),
            "leads": [
                {"event": str(event), "to": str(to)} for (begin, event), to in TABLE.items() if begin is state
            ],
        }
        for state in State
    ]


@contextmanager
def simulated_site(directory: Path, wanted: SimulationWish = AS_SHIPPED) -> Iterator[SimulatedSite]:
    """Build and start the site in `directory`, and take it down again; the files stay. Raises SmartClockerError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        events = PageEvents()
        stack.callback(events.close)
        centre = _centre(stack, directory)
        site = SimulatedSite(directory, events, centre)
        names = list(DOORS) if centre is not None else list(DOORS)[:1]
        if centre is not None:
            site.roster = SiteRoster(centre)
        for name in names:
            loaded = write_door(directory / name, name, site, wanted)
            site.doors[name] = Door(DOORS[name], loaded, events)
            stack.callback(site.doors[name].switch_off)
        for door in site.doors.values():
            door.switch_on()
        watch = RecordWatch(list(site.doors.values()))
        watch.start()
        stack.callback(watch.stop)
        events.tell("network", {"on": centre is not None})
        yield site


def _centre(stack: ExitStack, directory: Path) -> EmbeddedCentre | None:
    try:
        find_mosquitto()
    except BrokerError as error:
        _log.warning("one door alone, without receipts: %s", error)
        return None
    return stack.enter_context(embedded_centre(directory, SITE, tuple(DOORS)))


def write_door(directory: Path, name: str, site: SimulatedSite, wanted: SimulationWish = AS_SHIPPED) -> Config:
    """Make the files of one door's terminal, and make it known at the centre. Raises SmartClockerError."""
    directory.mkdir(mode=0o700)
    scripts = {device: directory / f"{device}.fifo" for device in ("reader", "buttons")}
    for fifo in scripts.values():
        os.mkfifo(fifo, 0o600)  # for whoever runs this terminal later, with --keep; the page takes their place
    centre = site.centre
    access = None
    if centre is not None and site.roster is not None:
        access = centre.access(name, site.roster.public)
    path = write_terminal(
        directory,
        photos_directory(),
        site=SITE,
        name=name,
        window_s=WINDOW_S,
        centre=access,
        direction=wanted.direction,
        more=_SECTIONS.format(**scripts, mode=wanted.mode, challenge=wanted.challenge),
    )
    if centre is not None:
        centre.register(name, key_files.load_identity(directory / "identity").verify_key)
    return config.load(path).config


def sample_of(key: str) -> SamplePerson | None:
    """The sample person of this key."""
    return SAMPLES.get(key)


def all_ready(doors: Sequence[Door]) -> bool:
    """Wait until every door attends; False when that took too long."""
    return all(door.wait_until_ready(READY_S) for door in doors)
