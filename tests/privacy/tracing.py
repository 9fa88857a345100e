"""What is to be found of a person while they are enrolled, and not a byte of it afterwards."""

from collections.abc import Iterable
from pathlib import Path

from edge.crypto import dsse
from edge.domain.roster.topics import Place, TopicPart
from edge.people.people_store import People
from edge.resources import photos_directory
from edge.vision.photo import load_photo
from tests.privacy import cast, images
from tests.privacy.company import LOG, Company, Employee
from tests.privacy.gate import SITE
from tests.privacy.joining import WITNESS
from tests.privacy.scan import Scanner, content, of_templates


def stored(company: Company, one: Employee) -> dict[str, bytes]:
    """The very bytes by which a person is kept: at each terminal, at the centre and at the broker."""
    found: dict[str, bytes] = {}
    for gate in company.gates:
        with gate.people() as people:
            found |= _rows(people, one.person, gate.name)
    found |= images.traces(company, one)
    with company.roster() as store:
        found |= _rows(store.people, one.person, "centre")
        sent = store.messages(SITE)[Place(SITE, TopicPart.PERSON, one.person).topic]
    payload = dsse.parse(sent.wire).payload
    return found | {"broker message": sent.wire[400:460], "centre message": payload[-200:-150]}


def found_of(company: Company, secrets: dict[str, bytes]) -> set[str]:
    """Which of what is `stored` a search finds in the files of the place that each is of."""
    return {name for place, path in _places(company) for name in _search([path], secrets, place)}


def left_of(company: Company, secrets: dict[str, bytes], skip: Iterable[str] = ()) -> set[str]:
    """Which of them is anywhere at all, but for the places to `skip`."""
    skipped = set(skip)
    paths = [path for place, path in _places(company) if place not in skipped]
    return set(_search(paths, secrets, ""))


def _places(company: Company) -> list[tuple[str, Path]]:
    gates = [(gate.name, gate.directory) for gate in company.gates]
    return [*gates, ("centre", company.centre), ("broker", company.saved())]


def _search(paths: list[Path], secrets: dict[str, bytes], place: str) -> list[str]:
    return Scanner({name: one for name, one in secrets.items() if name.startswith(place)}).find(content(paths))


def clear(company: Company) -> dict[str, bytes]:
    """What may stand in no file and no message: names, templates in every way of writing, keys."""
    found = {"witness": WITNESS.encode()}
    for one in company.staff:
        found[f"name of {one.person[:6]}"] = one.name.encode()
        if one.templates is not None:
            found |= {f"{one.person[:6]} {key}": raw for key, raw in of_templates(one.templates[:1]).items()}
    for file in sorted(photos_directory().glob("*.*g")):
        raw, pixels = file.read_bytes(), load_photo(file).tobytes()
        found |= {
            f"{file.name} file": raw[len(raw) // 2 :][:24],
            f"{file.name} pixels": pixels[len(pixels) // 2 :][:24],
        }
    for role, numbers in cast.BADGES.items():
        found |= {f"number {role}.{at}": one.encode() for at, one in enumerate((*numbers, cast.PINS[role]))}
    found |= {"name of the faceless": cast.FACELESS[0].encode(), "badge of the faceless": cast.FACELESS[1].encode()}
    for gate in company.gates:
        found |= {
            f"{gate.name} storage key": gate.secrets.storage,
            f"{gate.name} identity": bytes(gate.secrets.identity),
        }
        with gate.people() as people:
            opened = people._vault()
            for person, wrapped in people._db.execute("SELECT id, wrapped FROM people WHERE wrapped NOT NULL"):
                found[f"{gate.name} key of {person[:6]}"] = opened.unwrap(person, wrapped)
    with company.roster() as store:
        site = store.site(SITE)
    if site is not None:
        found["site key"] = site.key
    return found


def kept(company: Company) -> bytes:
    """Every byte of every terminal's state, of the broker's persistence file and log, and of all logs."""
    files = [gate.state for gate in company.gates]
    return content([*files, company.saved(), company.broker.log, company.root / LOG])


def probe_finds(company: Company, secrets: dict[str, bytes]) -> tuple[int, int]:
    """A control: of the secrets, written in the clear to a file of their own, how many the search finds."""
    path = company.root / "control"
    scanner = Scanner(secrets)
    path.write_bytes(b"\0".join(secrets.values()))
    seen = len(scanner.find(content([path])))
    path.unlink()
    return seen, len(scanner)


def _rows(people: People, person: str, place: str) -> dict[str, bytes]:
    query = "SELECT wrapped, name, sealed FROM people JOIN templates ON person = id WHERE id = ?"
    row = people._db.execute(query, (person,)).fetchone()
    if row is None:
        return {}
    wrapped, name, sealed = row
    found = {f"{place} key": wrapped, f"{place} name": name, f"{place} templates": sealed[100:140]}
    means = people._db.execute("SELECT wrapped, pin FROM means WHERE person = ?", (person,)).fetchone()
    if means is not None:
        found |= {f"{place} key of numbers": means[0], f"{place} PIN": means[1]}
    tokens = people._db.execute("SELECT lookup, sealed FROM tokens WHERE person = ?", (person,)).fetchall()
    for number, (lookup, token) in enumerate(tokens):
        found |= {f"{place} lookup {number}": lookup, f"{place} number {number}": token}
    return found
