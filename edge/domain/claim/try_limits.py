"""The limit of tries at the claim server: for each address, and in all. Its memory is bounded by the second one."""

import ipaddress
from collections import deque

EACH = 20
"""Tries of one address within `WINDOW_S`."""
IN_ALL = 120
WINDOW_S = 60.0
_NEIGHBOURHOOD = 64
"""Bits of an IPv6 address that count: one machine may choose the others freely."""


class TryLimits:
    """The tries of the last minute. Tries that are not admitted do not count, so that a pause always ends."""

    def __init__(self, each: int = EACH, in_all: int = IN_ALL, window_s: float = WINDOW_S) -> None:
        self._each, self._in_all, self._window_s = each, in_all, window_s
        self._tries: deque[tuple[float, str]] = deque()

    def admit(self, address: str, now_s: float) -> bool:
        """Whether a try of this address may go on at this moment (seconds of a monotonic clock)."""
        while self._tries and self._tries[0][0] <= now_s - self._window_s:
            self._tries.popleft()
        whose = neighbourhood(address)
        theirs = sum(one == whose for _, one in self._tries)
        if len(self._tries) >= self._in_all or theirs >= self._each:
            return False
        self._tries.append((now_s, whose))
        return True


def neighbourhood(address: str) -> str:
    """An IPv4 address itself, or the first 64 bits of an IPv6 address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), _NEIGHBOURHOOD), strict=False))
