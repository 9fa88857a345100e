"""`smartclocker claim`: gives this terminal its name and its files, by a token of the centre."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli import DEFAULT_CONFIG, add_config, add_json
from edge.domain.plural import command

if TYPE_CHECKING:
    from edge.domain.claim.token import ClaimToken
    from edge.terminal.claim.places import Places

_MOST_TOKEN = 1_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `claim`."""
    parser.description = (
        "Give this terminal the name for which the centre made a token (`central terminal add`). Keys that are "
        "missing are made here and never leave the terminal; certificate, public keys and the way to the broker "
        "come from the centre, and the configuration gets the values that follow. The token is asked for, or read "
        "from standard input: on the command line every process could read it."
    )
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument(
        "address", type=_address, nargs="?", metavar="HOST[:PORT]", help="where the claim server runs (port: 8884)"
    )
    way.add_argument(
        "--request", type=Path, metavar="FILE",
        help="without a network to the centre: write a request into this new file, for `central terminal add`",
    )  # fmt: skip
    way.add_argument(
        "--answer", type=Path, metavar="FILE", help="take the file that `central terminal add` made of the request"
    )
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="read the token from this file")
    parser.add_argument(
        "--again", action="store_true",
        help="the terminal is claimed already: replace its certificate and the values of its configuration",
    )  # fmt: skip
    add_config(parser)
    add_json(parser)
    parser.set_defaults(call=run)


def _address(text: str) -> tuple[str, int]:
    from edge.domain.claim.address import read_address

    try:
        return read_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(arguments: argparse.Namespace) -> int:
    """Claims, and prints what was written and what is next."""
    from edge.crypto import key_files
    from edge.crypto.dsse import key_id
    from edge.terminal.claim import claiming
    from edge.terminal.claim.places import read_places

    places = read_places(arguments.config)
    if arguments.request is not None:
        return _request(arguments, places)
    if arguments.answer is not None:
        done = claiming.take_answer(places, arguments.answer)
    else:
        token = _token(arguments.token_file)
        done = claiming.claim(places, arguments.address, token, again=arguments.again)
    answer, keyid = done.answer, key_id(key_files.load_identity(places.identity).verify_key)
    clock = _behind(places.certificate)
    if arguments.json:
        files = [str(path) for path in done.files]
        said = {"site": answer.site, "terminal": answer.terminal, "keyid": keyid, "files": files}
        print(json.dumps({**said, "broker": {"host": answer.host, "port": answer.port}, "clock_behind": clock}))
        return 0
    print(f"claimed       {answer.site}/{answer.terminal} with the key {keyid}")
    for path in done.files:
        print(f"written       {path}")
    print(f"broker        {answer.host}, port {answer.port}")
    if clock:
        print("clock         this clock is behind: no connection to the broker until it follows a time server")
    own = [] if arguments.config == DEFAULT_CONFIG else ["--config", arguments.config]
    print("next          sudo systemctl enable --now smartclocker  (restart, if it runs already)")
    print(f"              {command('check', '--online', *own, root=True)}")
    return 0


def _request(arguments: argparse.Namespace, places: "Places") -> int:
    """Writes the request, and prints the key id to compare at the centre."""
    from edge.crypto import key_files
    from edge.crypto.dsse import key_id
    from edge.terminal.claim import claiming

    claiming.write_request(places, arguments.request, again=arguments.again)
    keyid = key_id(key_files.load_identity(places.identity).verify_key)
    if arguments.json:
        print(json.dumps({"keyid": keyid, "request": str(arguments.request)}))
        return 0
    print(f"request       {arguments.request}  of the key {keyid}; nothing in it is secret")
    there = command("central", "terminal", "add", "DIR", "SITE/NAME", "--request", "FILE", "--answer", "FILE2")
    print(f"centre        {there}  (it prints the same key)")
    own = [] if arguments.config == DEFAULT_CONFIG else ["--config", arguments.config]
    print(f"then here     {command('claim', '--answer', 'FILE2', *own, root=True)}")
    return 0


def _token(file: Path | None) -> "ClaimToken":
    """The token. Raises ClaimRefused, which does not repeat it."""
    from edge.domain.claim.token import read_token
    from edge.errors import ClaimRefused
    from edge.storage.bounded_read import read_at_most

    try:
        if file is not None:
            return read_token(read_at_most(file, _MOST_TOKEN).decode("ascii", "replace"))
        if sys.stdin.isatty():
            return read_token(input("token: "))
        return read_token(sys.stdin.readline(_MOST_TOKEN))
    except (EOFError, UnicodeDecodeError):
        return read_token("")
    except OSError as error:
        raise ClaimRefused(f"{file}: cannot be read ({error.strerror}); correct the path") from error


def _behind(certificate: Path) -> bool:
    """Whether this machine's clock is before the beginning of the certificate that was just made."""
    from datetime import UTC, datetime

    from edge.adapters.mqtt import certificate as certificates

    return datetime.now(UTC) < certificates.read(certificate).begin
