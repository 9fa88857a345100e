"""What became of every light, from the files alone, with public keys alone."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edge.central.ledger.recheck import verify_all
from edge.central.store.records import Store
from edge.crypto.dsse import key_id
from edge.crypto.key_files import load_public
from edge.domain.protocol.record import Record, decode
from edge.journal.verify import read_payloads, verify_file
from tests.crash.kills import lights
from tests.crash.kills.lights import Life
from tests.crash.kills.site import Site, Terminal


@dataclass(slots=True)
class Judgement:
    """The figures of the last line, and each finding in words."""

    signalled: int = 0
    lost: int = 0
    duplicated: int = 0
    unverifiable: int = 0
    unshown: int = 0
    """Records beyond the one of each life that the kill may have kept from its light."""
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether every light is kept, once, and everything verifies."""
        return not (self.lost or self.duplicated or self.unverifiable or self.unshown)

    def find(self, figure: str, what: str, count: int = 1) -> None:
        """Add a finding."""
        if count:
            setattr(self, figure, getattr(self, figure) + count)
            self.problems.append(f"{figure}: {what}")


def judge(site: Site, lives: Iterable[Life]) -> Judgement:
    """Everything must have ended."""
    said = list(lives)
    found = Judgement()
    ledger = _ledger(site, found)
    journals: list[bytes] = []
    for terminal in site.terminals:
        payloads = _journal(site, terminal, found)
        journals += payloads
        _lights(terminal, [life for life in said if life.terminal == terminal.name], payloads, ledger, found)
    found.find("duplicated", "records in the ledger that no journal holds", len(ledger.keys() - set(journals)))
    return found


def _journal(site: Site, terminal: Terminal, found: Judgement) -> list[bytes]:
    keys = {key_id(key): key for key in map(load_public, (terminal.identity, site.ledger_key))}
    report = verify_file(terminal.journal, keys)
    if report.problem is not None:
        found.find("unverifiable", f"{terminal.name}, record {report.problem.seq}: {report.problem.what}")
    if not report.receipt_verified or report.receipted != report.last_seq or report.first_seq != 1:
        found.find("unverifiable", f"{terminal.name}: {report.receipted} of {report.last_seq} receipted")
    if (terminal.journal.parent / "quarantine").exists():
        found.find(
            "unverifiable", f"{terminal.name}: a journal was set aside, and nothing but kills happened to it"
        )
    return list(read_payloads(terminal.journal, 0))


def _ledger(site: Site, found: Judgement) -> Counter[bytes]:
    """The payloads that the ledger holds, and how often."""
    payloads: Counter[bytes] = Counter()
    with Store(site.ledger_db) as store:
        for chain in verify_all(store):
            if not chain.ok:
                what = f"{chain.conflicts} conflicts" if chain.problem is None else chain.problem.what
                found.find("unverifiable", f"the ledger's chain of {chain.origin.terminal}: {what}")
        chains = store.chains()
        if len(chains) != len(site.terminals):
            found.find("unverifiable", f"{len(chains)} chains of {len(site.terminals)} terminals in the ledger")
        for row in chains:
            payloads.update(entry.payload for entry in store.entries(row))
    ids = Counter(decode(payload).id for payload in payloads.elements())
    found.find("duplicated", "ids in the ledger more than once", sum(count - 1 for count in ids.values()))
    return payloads


def _lights(
    terminal: Terminal, lives: Sequence[Life], payloads: Sequence[bytes], ledger: Counter[bytes], found: Judgement
) -> None:
    """Each life's lights against the records that carry a time within it."""
    records = [(payload, decode(payload)) for payload in payloads]
    for number, life in enumerate(lives, 1):
        own = [(p, r) for p, r in records if life.began_ms <= r.time.boottime_ms <= life.ended_ms]
        said = [(p, (r.kind, str(r.data["direction"]))) for p, r in own if r.kind in {"punch", "suppressed"}]
        result = lights.match(life.shown, [what for _, what in said])
        who = f"{terminal.name}, life {number}"
        found.signalled += len(life.shown)
        found.find("lost", f"{who}: {life.shown} shown, {[what for _, what in said]} in the journal", result.lost)
        undelivered = sum(1 for index in result.answered if ledger[said[index][0]] == 0)
        found.find("lost", f"{who}: {undelivered} in the journal and not in the ledger", undelivered)
        found.find("unshown", f"{who}: {result.unshown} committed and not shown", max(0, result.unshown - 1))
        if life.shown and not _booted_once([record for _, record in own]):
            found.find("unverifiable", f"{who}: punches without the one boot record before them")


def _booted_once(own: Sequence[Record]) -> bool:
    kinds = [record.kind for record in own if record.kind != "clock-step"]
    return kinds[:1] == ["boot"] and kinds.count("boot") == 1
