"""The site: a centre with a real broker and a ledger, and two installed terminals that know everybody."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge import config
from edge.central.authority import acting
from edge.central.authority.register import Actor
from edge.central.embedded import EmbeddedCentre, embedded_centre
from edge.central.roster import enrolment_intake
from edge.central.roster.store import RosterStore
from edge.central.store.records import Store
from edge.config_schema import Config
from edge.crypto import key_files
from edge.domain.face import Probe
from edge.domain.people.consent import Consent
from edge.domain.people.credentials import Token
from edge.domain.protocol.audit_entry import Act
from edge.errors import SmartClockerError
from edge.people.roster.export import export_enrolment
from edge.resources import photos_directory
from edge.sandbox import write_terminal
from edge.simulate.site_roster import SiteRoster
from edge.terminal import adapters, installed
from edge.terminal.operator import actions, enrolment
from tests.shift_change.doors import Door
from tests.shift_change.plan import DOORS, Person, Plan, Way

SITE = "works"
_OPERATOR = "7042"
_READY_S = 300.0
Progress = Callable[[int, int], None]


@dataclass
class Site:
    """Everything that runs."""

    centre: EmbeddedCentre
    doors: dict[str, Door]


@contextmanager
def running(directory: Path, plan: Plan, progress: Progress) -> Iterator[Site]:
    """Build the site in `directory` and start it; both doors know everybody and hear each other.

    Raises SmartClockerError when something does not come up.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        centre = stack.enter_context(embedded_centre(directory, SITE, DOORS))
        roster = SiteRoster(centre)
        paths = {name: _install(directory / name, name, centre, roster, plan.window_s) for name in DOORS}
        configs = {name: config.load(path).config for name, path in paths.items()}
        _enrol(plan.staff, configs[DOORS[0]], centre, roster, progress)
        drawn = directory / "drawn.npz"
        _write_drawn(drawn, plan)
        site = Site(centre, {})
        for name in DOORS:
            fifo, log = directory / name / "reader.fifo", directory / f"{name}.log"
            site.doors[name] = Door(name, configs[name], paths[name], fifo, drawn, log)
            stack.callback(site.doors[name].stop)
        for door in site.doors.values():
            door.wait_until_ready()
        _wait_until_known(site, len(plan.staff))
        yield site


def receipted(site: Site, within_s: float) -> bool:
    """Wait until the ledger has receipted everything that the doors recorded; False when that took too long."""
    until = time.monotonic() + within_s
    while any(_unreceipted(door.config) for door in site.doors.values()):
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def _unreceipted(config: Config) -> int:
    with installed.open_journal(config, installed.own_secrets(config)) as journal:
        return journal.stats().pending


def _install(directory: Path, name: str, centre: EmbeddedCentre, roster: SiteRoster, window_s: float) -> Path:
    fifo = directory / "reader.fifo"
    path = write_terminal(
        directory, photos_directory(), site=SITE, name=name, window_s=window_s,
        centre=centre.access(name, roster.public), more=f'\n[reader]\nkind = "script"\nscript = "{fifo}"\n',
    )  # fmt: skip
    os.mkfifo(fifo, 0o600)
    centre.register(name, key_files.load_identity(directory / "identity").verify_key)
    return path


def _write_drawn(path: Path, plan: Plan) -> None:
    """The drawn vectors by name, for the processes of the doors."""
    everybody = {one.key: one.face.drawn for one in plan.staff} | {
        one.key: one.face.drawn for one in plan.strangers
    }
    vectors = {key: vector for key, vector in everybody.items() if vector is not None}
    np.savez(path, names=np.array(list(vectors), np.str_), vectors=np.array(list(vectors.values()), np.float32))


def _enrol(
    staff: Sequence[Person], config: Config, centre: EmbeddedCentre, roster: SiteRoster, progress: Progress
) -> None:
    """Everybody at one door, by the product's own enrolment, and all of them into the roster."""
    secrets, policy, clock = installed.own_secrets(config), installed.policy(config), adapters.clock()
    consent = Consent(policy.version, policy.sha256, "en", clock.evidence().utc, "reception", True, True)
    model = installed.model_store(config).template.id
    doing = Actor("reception", "everybody is enrolled before the change of shifts")
    with (
        installed.open_people(config, secrets) as people,
        installed.open_journal(config, secrets) as journal,
        Store(centre.ledger_db) as ledger,
        RosterStore(centre.directory) as store,
        acting.turn_of(centre.directory, doing) as authority,
    ):
        for number, person in enumerate(staff):
            rows = person.face.rows
            if rows is None:
                raise ValueError("somebody of the staff has no templates")
            probes = [Probe(row, model, 1.0, 1.0) for row in rows]
            name = f"Person {person.key}"
            person.id = enrolment.enrol(
                name, probes, consent, policy, people=people, journal=journal, clock=clock, by=_OPERATOR
            ).person
            for kind, text in ((Token.BADGE, person.badge), (Token.NUMBER, person.number)):
                actions.give_token(person.id, kind, text, people=people, journal=journal, clock=clock, by=_OPERATOR)
            if person.way is Way.PIN:
                actions.choose_pin(person.id, person.pin, people=people, journal=journal, clock=clock, by=_OPERATOR)
            wire = export_enrolment(
                person.id, store.key.verify_key, installed.origin(config), secrets.identity, people,
                clock.evidence().utc,
            )  # fmt: skip
            with authority.act(Act.ROSTER_ADDED) as act:
                enrolment_intake.take(store, wire, ledger.terminals(), begun=act.begin_about)
            progress(number + 1, len(staff))
    roster.publish()


def _wait_until_known(site: Site, staff: int) -> None:
    until = time.monotonic() + _READY_S
    for door in site.doors.values():
        while not ((status := door.status())["hears"] and status["gallery"] == staff):
            if time.monotonic() > until:
                raise SmartClockerError(
                    f"{door.name} knows {status['gallery']} of {staff} people, and "
                    f"{'hears' if status['hears'] else 'does not hear'} the other door; {door.log} says why"
                )
            time.sleep(0.2)
