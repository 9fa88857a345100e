"""Makes and updates the centre's directory (`central init`); it can be run again at any time.

Existing keys, sites, hosts, the listener and lines added by hand stay. Only what is named explicitly is removed,
and certificates that end soon are renewed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from edge.central.authority import lock
from edge.central.authority.acting import Book
from edge.central.broker import acl, certificates, conf, issued_certificates, mosquitto, revocation_list
from edge.central.ownership import make_directory, read_own
from edge.central.roster.key import ensure_key
from edge.central.roster.schema import ROSTER_PUBLIC
from edge.central.store.records import Store
from edge.crypto import key_files
from edge.domain.plural import command
from edge.domain.protocol.audit_entry import Act
from edge.domain.protocol.record import Origin
from edge.errors import KeyFileError, NameRefused

LEDGER_KEY, LEDGER_PUBLIC, LEDGER_DB = "ledger.key", "ledger.pem", "ledger.db"
ALWAYS_NAMED = ("localhost", "127.0.0.1", "::1")
"""The names by which the centre's own programs reach a broker on their machine."""
LISTEN, PORT = "0.0.0.0", 8883  # noqa: S104 - terminals are elsewhere
STATE = Path("/var/lib/mosquitto")
_RENEW_CA_BEFORE = timedelta(days=365)
"""The CA's certificate is renewed a year ahead, because every terminal needs the new one before the old one
ends.
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What `set_up` should make. None and an empty sequence leave things as they are."""

    hosts: Sequence[str] = ()
    sites: Sequence[str] = ()
    instances: Sequence[str] = ()
    """Further instances of the ledger, beside the first."""
    listen: str | None = None
    port: int | None = None
    drop_sites: Sequence[str] = ()
    drop_hosts: Sequence[str] = ()
    renew: bool = False
    """Make new keys for the broker and the centre's own programs, and revoke the programs' former certificates."""


def set_up(base: Path, wish: Wish, book: Book | None = None) -> Iterator[tuple[str, str]]:
    """Makes what is missing in `base`. Yields what was done, in pairs of a word and a text.

    Issued and revoked certificates are entered in `book`.

    Raises NameRefused before anything is made; KeyFileError, LedgerError.
    """
    base, book = base.absolute(), book or Book(None)
    _refuse_nonsense(base, wish)
    first = not (base / "pki" / "ca.crt").exists()
    base.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not base.is_dir():
        base.mkdir(mode=0o700)
    directory = base / "pki"
    make_directory(directory, 0o755)
    certificates.create_authority(directory)
    revocation_list.ensure(directory)
    before = certificates.load_authority(directory)[0].not_valid_after_utc
    if before - datetime.now(UTC) < _RENEW_CA_BEFORE:
        with book.act(Act.CERTIFICATE_ISSUED, {"name": "ca"}):
            certificates.renew_authority(directory)
            revocation_list.revoke(directory, ())  # because the list ends when the CA's certificate ends
        yield "renewed", f"the CA, under its key; copy it to every terminal before {before:%Y-%m-%d}"
    yield "ca", f"{directory / 'ca.crt'}  (every terminal gets a copy: uplink.ca)"
    yield from _server(directory, wish, book)
    yield from _programs(directory, base / "acl", wish, book)
    yield from _ledger_key(base)
    yield from _configuration(base, wish, first=first)


def allow_terminals(base: Path) -> list[Origin] | None:
    """Gives each registered terminal its rules in the ACL, and takes those of revoked ones away.

    Returns the terminals that now have rules; None when nothing changed, or there is no ACL yet. Raises
    KeyFileError, LedgerError.
    """
    if _read(base / "acl") is None:  # nothing is made in a directory without one
        return None
    with lock.held(base, lock=lock.ACL):
        old = _read(base / "acl") or ""
        terminals = _terminals(base)
        rows = _rows(old, acl.sites_of(old), acl.instances_of(old), terminals)
        if acl.terminals_of(rows) == acl.terminals_of(old):
            return None
        certificates.write_file(base / "acl", rows.encode(), 0o600)
    return acl.terminals_of(rows)


def _rows(old: str, sites: Sequence[str], instances: Sequence[str], terminals: Sequence[Origin]) -> str:
    gone = [one for one in acl.terminals_of(old) if one not in terminals or one.site not in sites]
    return acl.add(acl.drop_terminals(old, gone) if gone else old, sites, instances, terminals)


def _terminals(base: Path) -> list[Origin]:
    """The terminals with an identity that is registered and not revoked."""
    if not (base / LEDGER_DB).exists():
        return []
    with Store(base / LEDGER_DB) as store:
        return list(dict.fromkeys(one.origin for one in store.terminals() if one.revoked is None))


def _refuse_nonsense(base: Path, wish: Wish) -> None:
    if not str(base).isprintable():
        raise NameRefused(f"{str(base)!r}: no directory that mosquitto.conf can name; choose another")
    sites = _sites(_read(base / "acl") or "", wish)
    if not wish.hosts and not named_hosts(base / "pki" / "server.crt"):
        raise NameRefused("the broker has no name; give --host, a name or address that terminals reach it by")
    if not sites:
        raise NameRefused("the broker serves no site; give --site")
    acl.render_acl(sites, wish.instances)


def _hosts(directory: Path, wish: Wish) -> list[str]:
    there = named_hosts(directory / "server.crt")
    wanted = dict.fromkeys([*there, *wish.hosts, *ALWAYS_NAMED])
    return [host for host in wanted if host not in set(wish.drop_hosts) - set(ALWAYS_NAMED)]


def _sites(rows: str, wish: Wish) -> list[str]:
    wanted = dict.fromkeys([*acl.sites_of(rows), *wish.sites])
    return [site for site in wanted if site not in wish.drop_sites]


def _server(directory: Path, wish: Wish, book: Book) -> Iterator[tuple[str, str]]:
    path = directory / "server.crt"
    before, hosts = named_hosts(path), _hosts(directory, wish)
    why = _why_renew(directory, issued_certificates.SERVER, wish)
    said = why or ("kept" if set(before) == set(hosts) else "issued again for the same key")
    if said != "kept":
        with book.act(Act.CERTIFICATE_ISSUED, {"name": issued_certificates.SERVER, "hosts": hosts}):
            certificates.issue_server(directory, hosts, keep_key=why is None)
    yield "certificate", f"{path}  of the broker, {said}: {', '.join(hosts)}; until {_end(path)}"
    if gone := [host for host in before if host not in hosts]:
        yield "dropped", f"hosts {', '.join(gone)}"


def _programs(directory: Path, acl_file: Path, wish: Wish, book: Book) -> Iterator[tuple[str, str]]:
    """Issues the certificates of the ledger, its instances and the authority."""
    instances = dict.fromkeys([*acl.instances_of(_read(acl_file) or ""), *wish.instances])
    for name in (
        certificates.LEDGER,
        certificates.AUTHORITY,
        *(f"{certificates.LEDGER}.{one}" for one in instances),
    ):
        why = _why_renew(directory, f"client-{name}", wish)
        if why is not None:
            former = revocation_list.valid(directory, name) if wish.renew else []
            data = {"name": name, "revoked": [f"{one.serial:x}" for one in former]}
            with book.act(Act.CERTIFICATE_ISSUED, data):
                files = certificates.issue_client(directory, name)
                if former:
                    revocation_list.revoke(directory, former)
            yield "certificate", f"{files.certificate}  of the centre's own, {why}; until {_end(files.certificate)}"


def _why_renew(directory: Path, stem: str, wish: Wish) -> str | None:
    path = directory / f"{stem}.crt"
    if not path.exists() or not path.with_suffix(".key").exists():
        return "new"
    if wish.renew:
        return "renewed with a new key"
    certificate = certificates.read_certificate(path)
    if certificate.not_valid_after_utc - datetime.now(UTC) < certificates.RENEW_BEFORE:
        return "renewed, because it ends soon"
    return (
        "issued again, because it was revoked"
        if certificate.serial_number in revocation_list.revoked(directory)
        else None
    )


def _ledger_key(base: Path) -> Iterator[tuple[str, str]]:
    if not (base / LEDGER_KEY).exists():
        if left := next((name for name in (LEDGER_PUBLIC, LEDGER_DB) if (base / name).exists()), None):
            raise KeyFileError(
                f"{base / LEDGER_KEY}: gone, but {left} is there; restore it from your backup: every terminal "
                f"pins it, and takes no receipt under another. If there is no backup, move {LEDGER_PUBLIC} "
                f"and {LEDGER_DB} away, and give every terminal the new ledger.pem"
            )
        key_files.create_identity(base / LEDGER_KEY)
    public = key_files.load_identity(base / LEDGER_KEY).verify_key
    certificates.write_file(base / LEDGER_PUBLIC, key_files.public_pem(public).encode("ascii"))
    yield "ledger key", f"{base / LEDGER_PUBLIC}  (every terminal pins it: keys.ledger)"
    ensure_key(base)
    yield "roster key", f"{base / ROSTER_PUBLIC}  (terminals seal to it: people export --to)"


def _configuration(base: Path, wish: Wish, *, first: bool) -> Iterator[tuple[str, str]]:
    """Writes the ACL and mosquitto.conf."""
    with lock.held(base, lock=lock.ACL):
        old_rows = _read(base / "acl")
        sites = _sites(old_rows or "", wish)
        if old_rows is None:
            rows = acl.render_acl(sites, wish.instances, _terminals(base))
        else:
            rows = _rows(acl.drop(old_rows, wish.drop_sites), sites, wish.instances, _terminals(base))
        certificates.write_file(base / "acl", rows.encode(), 0o600)
    there = sites if old_rows is None else acl.sites_of(old_rows)
    for word, names in (
        ("added", [site for site in sites if site not in there]),
        ("dropped", [site for site in there if site not in sites]),
    ):
        if names:
            yield word, f"sites {', '.join(names)}"
    said = f"sites {', '.join(sites)}"
    if own := acl.own_lines(rows):
        said += f"; {own} lines of your own are kept"
    yield "acl", f"{base / 'acl'}  {said}"
    old_conf = _read(base / "mosquitto.conf")
    was = conf.listener(old_conf or "")
    address, port = was or (LISTEN, PORT)
    address, port = wish.listen or address, wish.port or port
    wanted = mosquitto.render_configuration(
        mosquitto.BrokerSettings(
            address=address,
            port=port,
            credentials=certificates.Credentials(
                *(base / "pki" / name for name in ("ca.crt", "server.crt", "server.key"))
            ),
            crl=base / "pki" / revocation_list.NAME,
            acl=base / "acl",
            state=STATE,
            sites=sites,
        )
    )
    told = f"listens on {address}, port {port}"
    if was is not None and was != (address, port):
        told += f" (before: {was[0]}, port {was[1]})"
    text = wanted
    if old_conf is not None:
        moved = {"listener"} if was is None or was != (address, port) else set()
        text = conf.merge(old_conf, wanted, replace=frozenset(moved))
        if own_settings := conf.differing(text, wanted):
            told += f"; your own settings are kept: {', '.join(own_settings)}"
    certificates.write_file(base / "mosquitto.conf", text.encode())
    yield "broker", f"{base / 'mosquitto.conf'}  {told}"
    yield "next", command("central", "broker", base, "/etc/smartclocker/broker", root=True)
    if first:
        yield "", command("central", "terminal", "add", base, f"{sites[0]}/gate-1")
    else:
        yield "", "again, then restart mosquitto"


def named_hosts(certificate: Path) -> list[str]:
    """The hosts and addresses that a server's certificate names; none if there is no such file.

    Raises KeyFileError if the file is no certificate.
    """
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
        names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except FileNotFoundError:
        return []
    except (OSError, ValueError, x509.ExtensionNotFound) as error:
        raise KeyFileError(
            f"{certificate}: not the broker's certificate; restore it from your backup, or move it away"
        ) from error
    return [str(one.value) for one in names]


def _end(path: Path) -> str:
    return f"{certificates.read_certificate(path).not_valid_after_utc:%Y-%m-%d}"


def _read(path: Path) -> str | None:
    try:
        return read_own(path).decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        raise KeyFileError(f"{path}: cannot be read ({error}); mend it, or move it away") from error
