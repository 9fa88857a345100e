"""The roster of the simulated site: who is enrolled at one door is known at every door, as at a real centre."""

from pathlib import Path

from edge.central.authority import acting, authority_key
from edge.central.authority.register import Actor
from edge.central.broker.certificates import AUTHORITY
from edge.central.embedded import EmbeddedCentre
from edge.central.roster import enrolment_intake
from edge.central.roster.key import ensure_key
from edge.central.roster.messages import compose
from edge.central.roster.publisher import publish
from edge.central.roster.store import RosterStore
from edge.central.store.records import Store
from edge.config_schema import Config
from edge.domain.protocol.audit_entry import Act
from edge.people.people_store import People
from edge.people.roster.export import export_enrolment
from edge.ports import Clock
from edge.terminal.installed import Secrets, origin

_DOING = Actor("simulator", "enrolled in the simulator")


class SiteRoster:
    """The authority of the simulated site, with its roster."""

    def __init__(self, centre: EmbeddedCentre) -> None:
        """Make the authority's key and the roster's key. Raises SmartClockerError."""
        self._centre = centre
        authority_key.init(centre.directory, _DOING)
        ensure_key(centre.directory)

    @property
    def public(self) -> Path:
        """The authority's public key, which the terminals pin."""
        return self._centre.directory / authority_key.PUBLIC

    def take(self, person: str, config: Config, secrets: Secrets, people: People, clock: Clock) -> None:
        """Take in the person whom a terminal has enrolled, and publish the roster. Raises SmartClockerError."""
        directory = self._centre.directory
        with Store(self._centre.ledger_db) as ledger, RosterStore(directory) as store:
            wire = export_enrolment(
                person, store.key.verify_key, origin(config), secrets.identity, people, clock.evidence().utc
            )
            with acting.turn_of(directory, _DOING) as authority, authority.act(Act.ROSTER_ADDED) as act:
                enrolment_intake.take(store, wire, ledger.terminals(), begun=act.begin_about)
            self._publish(ledger, store)

    def publish(self) -> None:
        """Publish who is there, at the start: so the terminals learn of each other. Raises SmartClockerError."""
        with Store(self._centre.ledger_db) as ledger, RosterStore(self._centre.directory) as store:
            if store.site(self._centre.site) is not None:
                self._publish(ledger, store)

    def _publish(self, ledger: Store, store: RosterStore) -> None:
        site, directory = self._centre.site, self._centre.directory
        with acting.turn_of(directory, _DOING) as authority, authority.act(Act.ROSTER_PUBLISHED) as act:
            messages = compose(
                store, site, ledger.terminals(), authority.key, begun=lambda said: act.begin({"site": site, **said})
            )
        publish(self._centre.uplink(AUTHORITY), site, messages)
