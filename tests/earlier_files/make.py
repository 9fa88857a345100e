"""Makes the files of `files.tar.xz` by the program of commit 33251dc: every kind of file that it wrote.

    git worktree add --detach /tmp/earlier 33251dc
    PYTHONPATH=/tmp/earlier .venv/bin/python tests/earlier_files/make.py /tmp/earlier NEW_DIRECTORY
    tar -C NEW_DIRECTORY --sort=name --owner=0 --group=0 -cJf tests/earlier_files/files.tar.xz .

Everything is made up: the keys are made here and open nothing else, the faces are those of `tests/photos`.
`contents.json` in NEW_DIRECTORY says what the earlier program reads in its files, for the tests to compare. The
script imports that program's modules, not today's, and no test runs it.
"""

import base64
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from nacl.public import PrivateKey

CHECKOUT, OUT = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
KEYS = "keys-made-for-this-test"
POLICY = "Made for a test: your face is used to clock in and out, and for nothing else.\n"
NEXT_POLICY = "Made for a test: the next policy. Your face is used to clock in and out, and for nothing else.\n"
CONFIG = f"""# As an installer of 33251dc wrote it, from provisioning/config.example.toml; every section is here.
[terminal]
site = "main"
name = "gate-1"
direction = "alternate"
duplicate_window_s = 60.0
shift_limit_h = 16.0

[policy]
version = "2026-11"
text = "policy.md"

[storage]
state = "state"
models = ""
max_records = 10000
max_bytes = 8000000
retention_days = 90

[keys]
identity = "{KEYS}/identity"
storage = "{KEYS}/storage"
ledger = "ledger.pem"
authority = "authority.pem"

[camera]
kind = "replay"
width = 640
height = 480
fps = 15
replay = "replay"

[signals]
kind = "console"
green = 17
amber = 27
red = 22
buzzer = 18
buzzer_kind = "passive"

[recognition]
target_fpir = 0.001
threads = 2
frames = 3
mode = "face"
challenge = "none"
strobe = 0
shadow = ""

[reader]
kind = "script"
script = "reader.txt"

[uplink]
host = "localhost"
port = 8883
ca = "tls/ca.crt"
certificate = "tls/client-gate-1.crt"
key = "{KEYS}/client-gate-1.key"
keepalive_s = 20
window = 128
resend_s = 10.0

[evidence]
key = "evidence.pem"
max_bytes = 500000000
max_edge_px = 320
"""
TERMINAL, CENTRE, TRANSFER = OUT / "terminal", OUT / "central", OUT / "transfer"
STATE, CONFIG_FILE = TERMINAL / "state", TERMINAL / "config.toml"
PHOTOS = CHECKOUT / "tests" / "photos"


def smartclocker(*words, typed=None, code=0):
    """A verb of the earlier program, in a process of its own."""
    command = [sys.executable, "-m", "edge", *map(str, words)]
    done = subprocess.run(command, cwd=CHECKOUT, text=True, capture_output=True, input=typed, check=False)
    if done.returncode != code:
        raise SystemExit(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def at_terminal(*words, typed=None, code=0):
    return smartclocker(*words, "--config", CONFIG_FILE, typed=typed, code=code)


def enrol(name, *photos):
    words = ("enrol", name, *(PHOTOS / photo for photo in photos), "--witness", "made for a test", "--consent")
    return at_terminal(*words, "--age-13-or-older", "--operator", "7").split()[1].rstrip(":")


def make_centre():
    smartclocker("central", "init", CENTRE, "--host", "localhost", "--site", "main")
    smartclocker("central", "issue", CENTRE, "gate-1")
    smartclocker("central", "authority", "init", CENTRE, "--by", "tester", "--why", "made for a test")
    smartclocker("central", "evidence", "key", TRANSFER / "evidence")


def make_terminal():
    (TERMINAL / KEYS).mkdir(parents=True, mode=0o700)
    STATE.mkdir(mode=0o700)
    (TERMINAL / "replay").mkdir()
    CONFIG_FILE.write_text(CONFIG, encoding="utf-8")
    (TERMINAL / "policy.md").write_text(POLICY, encoding="utf-8")
    (TERMINAL / "reader.txt").write_text("", encoding="utf-8")
    smartclocker("keys", "create", TERMINAL / KEYS)
    (TERMINAL / "tls").mkdir()
    for name in ("ca.crt", "client-gate-1.crt"):
        shutil.copy(CENTRE / "pki" / name, TERMINAL / "tls" / name)
    shutil.copy(CENTRE / "pki" / "client-gate-1.key", TERMINAL / KEYS / "client-gate-1.key")
    for name in ("ledger.pem", "authority.pem"):
        shutil.copy(CENTRE / name, TERMINAL / name)
    shutil.copy(TRANSFER / "evidence.pem", TERMINAL / "evidence.pem")
    public = TERMINAL / "identity.pem"
    public.write_text(at_terminal("keys", "show"), encoding="ascii")
    smartclocker("central", "register", CENTRE, "main", "gate-1", public)
    smartclocker("central", "register", CENTRE, "main", "gate-2", CENTRE / "authority.pem")  # any key will do
    listed = json.loads(smartclocker("central", "terminals", CENTRE, "--json"))
    keyid = next(one["keyid"] for one in listed if one["terminal"] == "gate-2")
    smartclocker("central", "revoke", CENTRE, keyid)


def make_people():
    """By name: what became of each at the terminal, all of it by its verbs."""
    persons = {"face": enrol("Face Kept", "obama.jpg", "obama2.jpg")}
    persons["withdrawn"] = enrol("Face Withdrawn", "biden.jpg")
    persons["erased"] = enrol("Face Erased", "astronaut.png")
    persons["badge"] = (
        at_terminal("people", "add", "Badge Only", "--age-13-or-older", "--operator", "7").split()[1].rstrip(":")
    )
    at_terminal("people", "badge", persons["badge"], "--operator", "7", typed="0004711\n")
    at_terminal("people", "number", persons["badge"], "--operator", "7", typed="123\n")
    at_terminal("people", "pin", persons["badge"], "--operator", "7", typed="246810\n")
    at_terminal("people", "withdraw", persons["withdrawn"], "--operator", "7")
    at_terminal("people", "erase", persons["erased"], "--reason", "requested", "--operator", "7")
    return persons


def open_terminal():
    from edge import config
    from edge.terminal import parts

    loaded = config.load(CONFIG_FILE).config
    return loaded, parts.load_secrets(loaded), SureClock(parts.clock()), parts


class SureClock:
    """The system's, as if a time server had set it: only then orders that have an end count."""

    def __init__(self, clock):
        self._clock, self.monotonic_ns = clock, clock.monotonic_ns

    def evidence(self):
        return replace(self._clock.evidence(), synchronised=True)


def write_journal(persons):
    """Records of every kind that nothing else here makes, and a receipt of the ledger over the first part."""
    from edge.domain.kinds import Kind
    from edge.domain.records import Draft
    from edge.domain.types import TimeEvidence

    loaded, held, _clock, parts = open_terminal()
    time = TimeEvidence("2026-03-02T07:59:58.120Z", 60, "Europe/Berlin", "b" * 36, 120_000, True)

    def punch(person, direction):
        data = {"person": person, "direction": direction, "direction_source": "alternated", "method": "face"}
        return Draft(Kind.PUNCH, data | {"quality": "high", "liveness": "high", "models": ["mobilefacenet"]}, time)

    with parts.open_ring(loaded, held) as ring:
        ring.append(Draft(Kind.BOOT, {"version": "0.1", "models": ["mobilefacenet"]}, time))
        first = ring.append(punch(persons["face"], "in"))
        ring.append(punch(persons["face"], "out"))
        again = punch(persons["face"], "out")
        ring.append(Draft(Kind.SUPPRESSED, {**again.data, "duplicate_of": first.seq}, time))
        step = {"step_ms": 3_600_000, "before": time.utc, "after": "2026-03-02T08:59:58.120Z"}
        ring.append(Draft(Kind.CLOCK_STEP, step | {"synchronised_before": False, "synchronised_after": True}, time))
    punched = f"gate-1/{ring.epoch}/{first.seq}"
    at_terminal(
        "journal", "correct", "--change", "amended", "--corrects", punched, "--direction", "out", "--reason",
        "wrong-direction", "--worker", "asked", "--employer", "agrees", "--operator", "7",
    )  # fmt: skip
    at_terminal("journal", "export", TRANSFER / "plain.scj", "--all")
    smartclocker("central", "import", CENTRE, TRANSFER / "plain.scj", "--receipts", TRANSFER / "receipts")
    at_terminal("journal", "receipt", TRANSFER / "receipts")
    with parts.open_ring(loaded, held) as ring:
        ring.append(punch(persons["badge"], "in"))
        ring.append(punch(persons["face"], "in"))
    at_terminal("journal", "export", TRANSFER / "sealed.scj", "--seal")
    return punched


def make_roster(persons):
    """The roster of the site: whom the terminal exported, whom another terminal did, and who left."""
    from edge.central.roster_compose import compose
    from edge.central.roster_store import RosterStore
    from edge.domain.badge import Token
    from edge.domain.kinds import ErasureReason
    from edge.domain.roster_member import Member
    from edge.domain.roster_topics import place_of
    from edge.roster.sync import RosterSync

    from edge.central import authority, roster
    from edge.central.store import Store
    from edge.journal import envelope

    if not (CENTRE / "roster.pem").exists():
        RosterStore(CENTRE).close()
    out = TRANSFER / "face.scp"
    at_terminal("people", "export", persons["face"], "--to", CENTRE / "roster.pem", "--out", out, "--operator", "7")
    smartclocker("central", "roster", "add", CENTRE, out, "--by", "tester", "--why", "made for a test")
    persons |= {"brought": new_person(), "left": new_person()}
    loaded, held, clock, parts = open_terminal()

    def publish(sync):
        with Store(CENTRE / "ledger.db") as ledger:
            terminals = ledger.terminals()
        messages = compose(store, "main", terminals, authority.load(CENTRE))
        for topic, sent in messages.items():
            place = place_of(topic)
            if place.part != "key" or place.name == "gate-1":
                sync.take(place, envelope.parse(sent.wire).payload)
        sync.settle()

    store = RosterStore(CENTRE)
    people, received = parts.open_people(loaded, held), parts.open_received(loaded)
    sync = RosterSync(parts.origin(loaded), held.identity, people, received, parts.policy(loaded))
    roster.add(
        store, "main", persons["brought"], Member("Brought By Roster", None, {}, tokens=((Token.BADGE, "0815"),))
    )
    roster.add(store, "main", persons["left"], Member("Left The Roster", None, {}, tokens=((Token.BADGE, "0816"),)))
    publish(sync)
    roster.remove(store, "main", persons["left"], ErasureReason.EMPLOYMENT_ENDED)
    publish(sync)
    from edge.terminal import enrolment

    with parts.open_ring(loaded, held) as ring:
        for person, leaving in list(sync.leaving.items()):
            enrolment.erase(person, leaving.reason, people=people, ring=ring, clock=clock)
            sync.left(person)
    sync.settle()
    people.close(), received.close(), store.close()


def new_person():
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def obey(persons):
    """Orders of the authority, as the terminal carries them out; the last is left as a crash leaves it."""
    from edge.central.registry import Doing, Registry
    from edge.domain.orders import Word
    from edge.journal.keys import load_secret

    from edge.central import authority
    from edge.terminal import orders

    loaded, held, clock, parts = open_terminal()
    doing, month = Doing("tester", "made for a test"), timedelta(days=31)
    smartclocker("central", "rights", "open", CENTRE, persons["face"], "access", "--by", "tester", "--why", "test")
    smartclocker("central", "rights", "key", TRANSFER / "reply")
    reply = base64.b64encode(bytes(PrivateKey(load_secret(TRANSFER / "reply")).public_key)).decode()
    later = (datetime.now(UTC) + timedelta(days=3650)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    taking = parts.orders(loaded, held, clock)
    with Registry(CENTRE / authority.DB) as registry, parts.open_ring(loaded, held) as ring:
        key = authority.load(CENTRE)

        def order(word, valid=month, **fields):
            made = registry.issue(key, doing, "main", ["gate-1"], word, fields, valid=valid)
            addressed = [one for one in registry.addressed() if one.order.id == made.id]
            registry.sent(addressed)
            assert taking.take(addressed[0].wire, ring), word
            return made.id

        ids = [order(Word.RESTRICT, person=persons["brought"])]
        ids.append(order(Word.UNRESTRICT, person=persons["brought"], lifts="restriction"))
        ids.append(order(Word.RESTRICT, person=persons["badge"]))
        ids.append(order(Word.ACCESS, person=persons["face"], reply_key=reply))
        ids.append(order(Word.EMPLOYMENT_ENDED, person=persons["badge"], at=later))
        sha256 = hashlib.sha256(NEXT_POLICY.encode()).hexdigest()
        ids.append(order(Word.POLICY, version="2026-12", sha256=sha256, text=NEXT_POLICY, consent_again=False))
        smartclocker("central", "authority", "rotate", CENTRE, "--by", "tester", "--why", "made for a test")
        rotation = registry.addressed()[-1]
        assert taking.take(rotation.wire, ring)
        ids.append(rotation.order.id)
        key = authority.load(CENTRE)
        settle, orders.settle = orders.settle, lambda *_, **__: 0
        ids.append(order(Word.RESTRICT, person=persons["face"]))
        orders.settle = settle
    taking.close()
    return ids


def keep_image(persons, record):
    from edge.journal.keys import load_sealing
    from edge.roster import stillbox
    from edge.roster.evidence import opened

    _loaded, _held, clock, _parts = open_terminal()
    now = clock.evidence()
    jpeg = b"\xff\xd8made for a test, and no picture\xff\xd9"
    sealed = stillbox.seal(record, persons["face"], now.utc, jpeg, load_sealing(TERMINAL / "evidence.pem"))
    from edge.roster import evidence

    evidence.FREE_FLOOR = 0
    with opened(STATE / "evidence.db", now, make=True) as store:
        assert store.keep(record, persons["face"], now, sealed, 500_000_000)
    return base64.b64encode(sealed).decode()


def calibrate():
    from edge.domain.calibration import Calibration, Tail

    from edge.terminal import calibrating

    loaded, _held, _clock, parts = open_terminal()
    model = parts.model_store(loaded).template.id
    tail = Tail(200, 0.31, 0.1, 0.02)
    found = Calibration(-0.01, -0.02)
    calibrating.write(STATE, model, "2026-03-02T08:00:00.000Z", found, 0.001, {"templates": tail})
    site = calibrating.SiteThreshold(STATE, model)
    for n in range(120):
        site.punched(0.6 + n % 7 / 100, 0.2, 25, by_badge=n % 3 == 0)
    site.save()


def set_aside():
    """A journal that was damaged and set aside, in a terminal of its own, beside the new one that says so."""
    from edge.domain.records import Origin
    from edge.journal.ring import Ring

    from edge.journal.quarantine import ensure_usable

    _, held, clock, _parts = open_terminal()
    other = OUT / "set-aside"
    other.mkdir()
    path, origin = other / "journal.db", Origin("main", "gate-1")
    shutil.copy(STATE / "journal.db", path)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 :] = bytes(len(raw) - len(raw) // 2)
    path.write_bytes(raw)
    ensure_usable(path, origin, held.identity, clock.evidence)
    Ring(path, origin, held.identity).close()


def cut():
    """Both files of a terminal as a power cut leaves them: the newest change is in the write-ahead file alone."""
    loaded, held, clock, parts = open_terminal()
    target = OUT / "cut"
    shutil.copytree(STATE, target)
    names = ("journal.db", "people.db")
    with contextlib.ExitStack() as opened:
        for name in names:
            reader = opened.enter_context(contextlib.closing(sqlite3.connect(target / name)))
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        moved = msgspec.structs.replace(loaded, storage=msgspec.structs.replace(loaded.storage, state=str(target)))
        from edge.domain.kinds import Kind
        from edge.domain.records import Draft

        with parts.open_ring(moved, held) as ring, parts.open_people(moved, held) as people:
            ring.append(Draft(Kind.BOOT, {"version": "0.1", "models": ["m"]}, clock.evidence()))
            people.add(new_person(), "Only In The Write-Ahead File")
            for name in names:
                for end in ("", "-wal"):
                    shutil.copy(target / (name + end), OUT / f".{name}{end}")
    shutil.rmtree(target)
    target.mkdir()
    for name in names:
        for end in ("", "-wal"):
            (OUT / f".{name}{end}").rename(target / (name + end))


def reserve():
    from edge.journal.reserve import Reserve

    Reserve(STATE / "journal.db", 8_000_000).fit()


def claim():
    """What the terminal said of itself, which the ledger keeps unsigned."""
    from edge.central.presence import Sightings

    from edge.central.store import Store
    from edge.domain import topics

    loaded, held, _, parts = open_terminal()
    origin = parts.origin(loaded)
    with parts.open_ring(loaded, held) as ring:
        place = {"epoch": ring.epoch, "head": ring.head().seq, "watermark": ring.watermark()}
    status = {"v": 1, "state": "online", **place, "alarms": ["ring-80"]}
    with Store(CENTRE / "ledger.db") as store:
        sightings = Sightings(store)
        sightings.hear(topics.status(origin), json.dumps({**status, "utc": "2026-03-02T08:00:00.000Z"}).encode())
        sightings.flush(0)
        return sightings.refused


def contents(persons, orders, record, image):
    """As the earlier program reads its own files."""
    from edge.central.registry import Registry
    from edge.central.roster_store import RosterStore

    from edge.central import authority
    from edge.central.store import Store

    loaded, held, _clock, parts = open_terminal()
    with parts.open_people(loaded, held) as people:
        named = {one.id: one.name for one in people.list()}
        states = {one.id: {k: str(v) for k, v in asdict(one).items()} for one in people.list()}
        owed = [duty.id for duty in people.orders.owed()]
        kept = [[duty.id, duty.due] for duty in people.orders.kept()]
    with parts.open_ring(loaded, held) as ring:
        records = [hashlib.sha256(one.wire).hexdigest() for one in ring.envelopes(0, 1000)]
        watermark, epoch = ring.watermark(), ring.epoch
    received = parts.open_received(loaded)
    rows = {person: asdict(row) for person, row in received.rows().items()}
    version = received.mark("manifest").version
    received.close()
    with Store(CENTRE / "ledger.db") as store:
        stored = store.count()
    with Registry(CENTRE / authority.DB) as registry:
        entries = [[entry.n, entry.act, entry.person] for entry in registry.entries()]
        addressed = [[one.order.id, one.origin.terminal, one.times] for one in registry.addressed()]
    roster = RosterStore(CENTRE)
    members = {person: row.gone for person, row in roster.members("main").items()}
    central = {one.id: one.name for one in roster.people.list()}
    roster.close()
    document = {
        "persons": persons, "orders": orders, "names": named, "people": states, "owed": owed, "kept": kept,
        "records": records, "watermark": watermark, "epoch": epoch, "image_of": record, "image": image,
        "roster": rows, "roster_version": version, "ledger_records": stored, "audit": entries,
        "addressed": addressed, "members": members, "central_people": central,
        "badge": "0004711", "number": "123", "pin": "246810",
    }  # fmt: skip
    (OUT / "contents.json").write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")


def main():
    os.umask(0o077)
    OUT.mkdir()
    TRANSFER.mkdir()
    make_centre()
    make_terminal()
    persons = make_people()
    record = write_journal(persons)
    make_roster(persons)
    orders = obey(persons)
    image = keep_image(persons, record)
    calibrate()
    print("claims refused:", claim())
    set_aside()
    cut()
    reserve()
    contents(persons, orders, record, image)


main()
