"""The gate before the simulator's pages: who may ask at all, and what a browser is told of each answer.

The server listens on loopback, where every user and every web page of this machine can reach it. So an address
holds a random token, the name in it must be loopback's (DNS rebinding), and a request from another site's page is
refused.
"""

import hmac
from collections.abc import Mapping

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NAMES = ("127.0.0.1", "localhost")
"""Names by which a browser may call this server."""
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""Headers of every answer."""
_SAFE = frozenset({"GET", "HEAD"})


def refusal(method: str, path: str, headers: Mapping[str, str], token: str, port: int) -> tuple[int, str] | None:
    """The status and the reason with which a request is refused; None when it may go on.

    `headers` have names in small letters; a header that came twice has both values in one.
    """
    hosts = [f"{name}:{port}" for name in NAMES]
    host = headers.get("host", "")
    if host not in hosts:
        return 421, f"this server is called {hosts[0]}: use the address that `smartclocker simulate` printed"
    first = path.removeprefix("/").partition("/")[0]
    if not hmac.compare_digest(first.encode(), token.encode()):
        return 404, "nothing is here: use the whole address that `smartclocker simulate` printed"
    origin = headers.get("origin")
    foreign = origin is not None and origin != f"http://{host}"
    if foreign or headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return 403, "that came from another site's page"
    if method not in _SAFE and origin is None:
        return 403, "that did not come from the simulator's page: the Origin header is missing"
    return None


class PageGate:
    """Lets a request through to the application, or refuses it; the application sees the path after the token."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token, self._port = app, token, port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(pair for pair in added if pair[0] not in own)]
            await send(message)

        refused = refusal(scope["method"], scope["path"], _joined(scope["headers"]), self._token, self._port)
        if refused is not None:
            status, problem = refused
            # Its body is not read, however long it is: the connection ends.
            await JSONResponse({"problem": problem}, status, {"connection": "close"})(scope, receive, guarded)
            return
        inner = {**scope, "path": scope["path"].removeprefix(f"/{self._token}") or "/"}
        inner.pop("raw_path", None)
        await self._app(inner, receive, guarded)


def _joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw, value in headers:
        name = raw.decode("latin-1").lower()
        text = value.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found
