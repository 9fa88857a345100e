"""Who belongs to the site: the terminals that the roster's manifest names, and the people who are gone."""

import base64
from collections.abc import Callable, Mapping

from nacl.signing import VerifyKey

from edge.crypto.dsse import key_id
from edge.domain.roster.messages import RosterManifest
from edge.errors import PeopleError
from edge.people.people_store import People

_NOBODY: Mapping[str, VerifyKey] = {}


class SiteMembers:
    """The members as they are now, on the publish thread; `look` takes over what changed."""

    def __init__(
        self,
        own: str,
        manifest: Callable[[], RosterManifest | None],
        open_people: Callable[[], People],
        left: Callable[[], frozenset[str]],
    ) -> None:
        """`own` is this terminal's name. `manifest` returns the newest manifest; None before there is one. `left`
        returns the people who left the roster, also those who never were in the people file here.
        """
        self._own, self._manifest, self._open_people, self._left = own, manifest, open_people, left
        self._people: People | None = None
        self._seen: tuple[RosterManifest | None, frozenset[str], int] | None = None
        self.keys: Mapping[str, Mapping[str, VerifyKey]] | None = None
        """By other terminal, its keys by key id; None before a manifest came."""
        self.gone: frozenset[str] = frozenset()
        """The people who were erased here, or left the roster."""

    def keys_of(self, terminal: str) -> Mapping[str, VerifyKey]:
        """The keys whose signatures count for another terminal, by key id."""
        return _NOBODY if self.keys is None else self.keys.get(terminal, _NOBODY)

    def look(self) -> bool:
        """Whether the members are others than before. If the people file cannot be read, they stay."""
        try:
            if self._people is None:
                self._people = self._open_people()
            seen = self._manifest(), self._left(), self._people.version()
            if self._seen is not None and seen[0] is self._seen[0] and seen[1:] == self._seen[1:]:
                return False
            gone = self._people.gone() | seen[1]
        except PeopleError:
            return False
        before, self._seen = (self.keys, self.gone), seen
        self.gone = gone
        if seen[0] is not None:
            self.keys = {name: _keys(keys) for name, keys in seen[0].terminals.items() if name != self._own}
        return (self.keys, self.gone) != before

    def close(self) -> None:
        """Close the people file; safe to call twice."""
        if self._people is not None:
            self._people.close()
            self._people, self._seen = None, None


def _keys(encoded: list[str]) -> dict[str, VerifyKey]:
    keys = [VerifyKey(base64.b64decode(one)) for one in encoded]
    return {key_id(key): key for key in keys}
