"""Doubts about the order of punches: how much is read for them. What they mean is tested with the hours view."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from edge.domain.attendance.doubts import Followed, by_following
from tests.support.clock import text
from tests.support.people import ANN
from tests.support.two_doors import BEGIN


class Counting(Sequence[Followed]):
    """Punches that count how often one of them is read."""

    def __init__(self, punches: list[Followed]) -> None:
        self.punches, self.reads = punches, 0

    def __len__(self) -> int:
        return len(self.punches)

    def __getitem__(self, index: Any) -> Any:
        self.reads += 1
        return self.punches[index]


def test_the_work_grows_with_the_punches_and_not_with_their_square() -> None:
    count = 2_000
    punches = Counting(
        [
            Followed(
                ANN, "main", f"a/{n}", text(BEGIN + timedelta(hours=n)), f"a/{n - 1}" if n else None, True, False
            )
            for n in range(count)
        ]
    )
    assert by_following(punches) == {}
    assert punches.reads < 10 * count
