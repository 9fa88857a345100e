"""`smartclocker central init` and `broker`: makes the centre's directory, and installs the broker's files."""

import argparse
from pathlib import Path

from edge.cli.central.authority import add_doing, book_of
from edge.cli.central.directory import named, verb

_MOST_NAMED = 100
"""Serial numbers that one entry of the log names at most."""


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `init` and `broker`."""
    init = verb(
        verbs, "init", "make the CA, the ledger's keys and the broker's configuration, or add to them", run_init
    )
    init.epilog = (
        "Given again, it adds what is missing: existing sites, hosts, keys, the listener, and lines that you wrote "
        "into acl and mosquitto.conf stay. Certificates that end within 60 days are renewed. It prints what it "
        "replaces."
    )
    host, site = named("host"), named("site")
    init.add_argument(
        "--host",
        action="append",
        default=[],
        type=host,
        help="a name or address of the broker, for its certificate; may be repeated",
    )
    init.add_argument(
        "--site", action="append", default=[], type=site, help="a site that the broker serves; may be repeated"
    )
    init.add_argument(
        "--instance", action="append", default=[], type=named("instance"), metavar="NAME",
        help=("another instance of the ledger (`central run --instance`): make its certificate and "
 "its rows in the ACL; may be repeated"
),
    )  # fmt: skip
    init.add_argument(
        "--listen", type=host, metavar="ADDRESS", help="the address that the broker listens on (at first: 0.0.0.0)"
    )
    init.add_argument("--port", type=named("port"), help="the port that the broker listens on (at first: 8883)")
    init.add_argument(
        "--drop-site",
        action="append",
        default=[],
        type=site,
        metavar="SITE",
        help="serve this site no more; may be repeated",
    )
    init.add_argument(
        "--drop-host",
        action="append",
        default=[],
        type=host,
        metavar="HOST",
        help="take this name out of the certificate; may be repeated",
    )
    init.add_argument(
        "--renew", action="store_true",
        help=("make new keys and certificates for the broker and the centre's programs, and revoke "
 "the former ones"
),
    )  # fmt: skip
    add_doing(init, why="the centre is set up")

    broker = verb(verbs, "broker", "copy the broker's files to a directory that its user can read", run_broker)
    broker.add_argument(
        "into",
        type=Path,
        metavar="INTO",
        help=("the directory for the broker's files alone, such as /etc/smartclocker/broker"),
    )
    broker.add_argument("--user", default="mosquitto", help="the user that mosquitto runs as (default: mosquitto)")
    broker.add_argument(
        "--take-over", action="store_true",
        help=("DIR came from an older backup: take what the broker's list has revoked into DIR"
),
    )  # fmt: skip
    add_doing(broker, why="what the broker reads is installed")


def run_init(arguments: argparse.Namespace) -> int:
    """Makes what is missing; what exists is kept."""
    from edge.central.setup import Wish, set_up

    wish = Wish(
        hosts=arguments.host,
        sites=arguments.site,
        instances=arguments.instance,
        listen=arguments.listen,
        port=arguments.port,
        drop_sites=arguments.drop_site,
        drop_hosts=arguments.drop_host,
        renew=arguments.renew,
    )
    with book_of(arguments) as book:
        for word, text in set_up(arguments.directory, wish, book):
            print(f"{word:<13} {text}")
    return 0


def run_broker(arguments: argparse.Namespace) -> int:
    """Copies the broker's files, and prints how to start the broker."""
    from edge.central.broker import revocation_compare
    from edge.central.broker.install import install
    from edge.domain.protocol.audit_entry import Act

    ahead = revocation_compare.compare(arguments.directory / "pki", arguments.into) if arguments.take_over else None
    if ahead is None or not ahead.behind:
        path = install(arguments.directory, arguments.into, arguments.user)
    else:
        serials = [f"{one:x}" for one in sorted(ahead.forgotten)]
        data = {"name": "the broker's list", "count": len(serials), "certificates": serials[:_MOST_NAMED]}
        with book_of(arguments) as book, book.act(Act.CERTIFICATES_REVOKED, data):
            path = install(arguments.directory, arguments.into, arguments.user, ahead)
        print(f"taken over    {len(serials)} revoked certificates that the broker's list names, and its number")
    print(f"broker        {path}  (readable by {arguments.user})")
    print(f"start         mosquitto -c {path}  (provisioning/mosquitto: as a service)")
    print("runs already  after systemctl reload mosquitto it uses the new acl, certificates and revocations;")
    print("              a restart also ends open connections and reads mosquitto.conf. No record is lost")
    return 0
