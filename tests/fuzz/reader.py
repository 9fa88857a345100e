"""What every target of the fuzzer is: a real reader with state, that may refuse and may not change."""

from collections.abc import Sequence
from random import Random
from typing import Protocol

from tests.fuzz.genuine import Seed


class Reader(Protocol):
    """Made in a directory of its own, used on one thread."""

    def mutant(self, rng: Random, changes: Sequence[str]) -> Seed:
        """One more message that nobody genuine sent, or sent so."""

    def offer(self, batch: Sequence[Seed]) -> None:
        """Give them to the reader. Whatever it raises is a finding: what is documented is caught here."""

    def changed(self) -> str | None:
        """What is not as it was before; None when all is well."""

    def close(self) -> None:
        """Release the files."""
