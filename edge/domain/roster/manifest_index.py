"""The manifest and its pages, taken together: who is in the roster, which message is stale, and what is missing.

Pages and manifest arrive separately, so for a moment they do not match. A page counts when the manifest has its
hash.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from edge.domain.roster.messages import ManifestEntry, Page, RosterManifest, digest

_KEPT = 2
"""Pages that are kept of one bucket: the one that the manifest names, and the one that the next manifest will
name.
"""


class MessageVerdict(Enum):
    """The verdict on one message about a person."""

    CURRENT = auto()
    WAIT = auto()
    """The manifest or the page that decides has not arrived."""
    STALE = auto()
    """The manifest is newer than the message and does not list it."""


@dataclass(frozen=True, slots=True)
class _Kept:
    page: Page
    sha256: str


class ManifestIndex:
    """The index of one site's manifest and pages. The caller gives it only genuine documents."""

    def __init__(self) -> None:
        self.manifest: RosterManifest | None = None
        self._pages: dict[str, list[_Kept]] = {}

    def newest(self, bucket: str) -> tuple[int, str]:
        """Version and hash of the newest page of a bucket; (0, "") for none."""
        kept = self._pages.get(bucket)
        return (kept[-1].page.version, kept[-1].sha256) if kept else (0, "")

    def put(self, page: Page, sha256: str) -> int:
        """Keep a page as the newest of its bucket; returns the version of the oldest page that is still needed."""
        kept = [*self._pages.get(page.bucket, ()), _Kept(page, sha256)]
        named = self._named(page.bucket)
        use = [one for one in kept if one.sha256 == named or one is kept[-1]][-_KEPT:]
        self._pages[page.bucket] = use
        oldest: int = use[0].page.version
        return oldest

    def has(self, bucket: str, sha256: str) -> bool:
        """Whether a page with this hash is kept."""
        return any(one.sha256 == sha256 for one in self._pages.get(bucket, ()))

    def replace(self, page: Page, sha256: str) -> None:
        """Keep the page that the manifest names, and drop all other pages of its bucket."""
        self._pages[page.bucket] = [_Kept(page, sha256)]

    def verdict(self, person: str, version: int, sha256: str) -> MessageVerdict:
        """Whether the message with this version and hash is the roster's present entry of the person."""
        if self.manifest is None:
            return MessageVerdict.WAIT
        if version > self.manifest.version:
            return MessageVerdict.CURRENT  # newer than the manifest; the next manifest will list it
        entries = self._entries(person[0])
        if entries is None:
            return MessageVerdict.WAIT
        return (
            MessageVerdict.CURRENT
            if entries.get(person) == ManifestEntry(version, sha256)
            else MessageVerdict.STALE
        )

    def missing(self, held: Mapping[str, ManifestEntry]) -> list[str]:
        """The missing parts: people whose listed entry is not held, and `page X` or `manifest` where those have not
        arrived.
        """
        if self.manifest is None:
            return ["manifest"]
        found, everyone, whole = [], dict[str, ManifestEntry](), True
        for bucket in self.manifest.pages:
            entries = self._entries(bucket)
            if entries is None:
                found.append(f"page {bucket}")
                whole = False
                continue
            everyone.update(entries)
            found += [person for person, entry in entries.items() if not self._has(held.get(person), entry)]
        if whole and (len(everyone) != self.manifest.count or digest(everyone) != self.manifest.sha256):
            found.append("manifest")
        return sorted(found)

    def lists(self, person: str) -> bool | None:
        """Whether somebody is in the roster; None while the manifest or the page that decides has not arrived."""
        entries = None if self.manifest is None else self._entries(person[0])
        return None if entries is None else person in entries

    def unlisted(self, held: Mapping[str, ManifestEntry]) -> list[str]:
        """People who are held although a newer manifest does not list them: they left."""
        if self.manifest is None:
            return []
        left = []
        for person, entry in held.items():
            entries = self._entries(person[0])
            if entries is not None and entry.version <= self.manifest.version and person not in entries:
                left.append(person)
        return sorted(left)

    def _has(self, held: ManifestEntry | None, listed: ManifestEntry) -> bool:
        newest = self.manifest.version if self.manifest is not None else 0
        return held is not None and (held == listed or held.version > newest)

    def _named(self, bucket: str) -> str | None:
        return None if self.manifest is None else self.manifest.pages.get(bucket)

    def _entries(self, bucket: str) -> Mapping[str, ManifestEntry] | None:
        """The entries of the page that the manifest names; None when that page has not arrived."""
        named = self._named(bucket)
        if named is None:
            return {}
        return next((one.page.entries for one in self._pages.get(bucket, ()) if one.sha256 == named), None)
