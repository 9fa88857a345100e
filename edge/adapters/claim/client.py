"""The terminal's side of a claim over the network.

The server is known by the hash of its certificate alone, which the token holds: no authority, name or time is
looked at, so that a terminal whose clock is wrong can be claimed, too. TLS 1.3 proves that the server has the
certificate's private key. Before that, nothing is sent that depends on the token.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator

from edge.adapters.claim.deadline_lines import DeadlineLines
from edge.domain.claim import messages
from edge.domain.claim.messages import ClaimAnswer, ClaimRequest, Refusal
from edge.domain.claim.token import ClaimToken
from edge.errors import ClaimAway, ClaimRefused, SmartClockerError

WITHIN_S = 60.0
"""Limit of the whole conversation, in seconds. The centre may wait 20 s for another command of its own."""
MakeRequest = Callable[[bytes, bytes], ClaimRequest]
"""Makes the request for a server's certificate (DER) and its nonce."""
_NOT_A_SERVER = "what it says is not of a claim server; name the machine where `smartclocker central claims` runs"


def converse(
    host: str, port: int, token: ClaimToken, make: MakeRequest, within_s: float = WITHIN_S
) -> ClaimAnswer | Refusal:
    """Sends the request and returns the answer.

    Raises ClaimAway when no server answers, or another one than that of the token; ClaimRefused for an answer that
    is not well-formed.
    """
    where = f"{host}:{port}"
    try:
        with socket.create_connection((host, port), within_s) as plain:
            lines = DeadlineLines(plain, within_s)
            lines.arm()
            with _context().wrap_socket(plain) as link:
                return _talk(where, link, DeadlineLines(link, within_s), token, make)
    except (ConnectionResetError, BrokenPipeError, EOFError, ssl.SSLEOFError) as error:
        raise ClaimAway(
            f"{where}: ended the connection; if it is the claim server, wait a minute, since it takes only so many "
            "tries in one, and give the command again"
        ) from error
    except ssl.SSLError as error:
        raise ClaimAway(f"{where}: no TLS 1.3 ({error.reason or error}); {_NOT_A_SERVER}") from error
    except TimeoutError as error:
        raise ClaimAway(f"{where}: no answer within {within_s:g} s; check the network and the firewall") from error
    except OSError as error:
        if isinstance(error, SmartClockerError):
            raise
        raise ClaimAway(
            f"{where}: no connection ({error.strerror or error}); check the name, the network, and that "
            "`smartclocker central claims` runs there"
        ) from error


def _talk(
    where: str, link: ssl.SSLSocket, lines: DeadlineLines, token: ClaimToken, make: MakeRequest
) -> ClaimAnswer | Refusal:
    certificate = link.getpeercert(binary_form=True) or b""
    if not token.fits(certificate):
        raise ClaimAway(
            f"{where}: has another certificate than the token says, so nothing was sent to it. Look at the address "
            "and the token; if both are right, somebody stands between this terminal and the centre, or the claim "
            "server got a new certificate: make another token"
        )
    with _well_formed(where):
        nonce = messages.read_greeting(lines.receive(messages.MOST_GREETING))
    lines.send(messages.write_message(make(certificate, nonce)))
    with _well_formed(where):
        return messages.read_answer(lines.receive(messages.MOST_ANSWER))


@contextlib.contextmanager
def _well_formed(where: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:  # RecordError is one
        raise ClaimRefused(f"{where}: its answer cannot be used ({error}); nothing was changed here") from error


def _context() -> ssl.SSLContext:
    """TLS 1.3 without a check of chain, name and time: the pin is checked instead of them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
