"""Shares, their exact intervals and the rule of three, against binomial sums in whole numbers and known values."""

from fractions import Fraction
from math import comb

import pytest

from edge.evaluation.pad.metrics import Share, acer, worst
from tests.support.tolerance import SINGLE


def at_most(count: int, of: int, share: float) -> float:
    """The chance of so few, without any rounding."""
    exact = Fraction(share)
    return float(sum(comb(of, n) * exact**n * (1 - exact) ** (of - n) for n in range(count + 1)))


def test_nothing_measured_has_no_value_and_no_interval() -> None:
    assert Share(0, 0).value is None
    assert Share(0, 0).interval is None
    assert Share(0, 0).rule_of_three is None
    assert worst({}) is None
    assert acer(None, 0.1) is None


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        # Of printed tables: C. J. Clopper and E. S. Pearson 1934, and Fleiss, Levin and Paik 2003.
        (0, 10, 0.0, 0.3084971),
        (1, 10, 0.0025286, 0.4450161),
        (5, 10, 0.1870860, 0.8129140),
        (10, 10, 0.6915029, 1.0),
        (0, 100, 0.0, 0.0362167),
        (1, 1, 0.025, 1.0),
    ],
)
def test_intervals_of_tables(count: int, of: int, low: float, high: float) -> None:
    assert Share(count, of).interval == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize(("count", "of"), [(1, 2), (11, 122), (3, 7), (121, 122), (60, 133)])
def test_each_bound_leaves_out_just_what_it_should(count: int, of: int) -> None:
    low, high = Share(count, of).interval or (0.0, 0.0)
    assert 1 - at_most(count - 1, of, low) == pytest.approx(0.025, abs=1e-9)
    assert at_most(count, of, high) == pytest.approx(0.025, abs=1e-9)
    mirrored = Share(of - count, of).interval or (0.0, 0.0)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_large_counts_do_not_overflow() -> None:
    low, high = Share(2_000, 1_000_000).interval or (0.0, 0.0)
    assert 0.00191 < low < 0.002 < high < 0.00209
    assert Share(1_000_000, 1_000_000).interval == pytest.approx((1 - 3.6888724e-6, 1.0), abs=1e-9)


def test_the_rule_of_three_is_for_none_of_many() -> None:
    assert Share(0, 139).rule_of_three == pytest.approx(3 / 139, abs=SINGLE)
    assert Share(1, 139).rule_of_three is None
    assert Share(0, 29).rule_of_three is None, "it is not near the exact bound"
    for n in (30, 150, 5_000):
        assert at_most(0, n, Share(0, n).rule_of_three or 1) == pytest.approx(0.05, abs=0.01)


def test_the_worst_of_kinds() -> None:
    assert worst({"print": Share(1, 4), "screen": Share(1, 2), "mask": Share(0, 0)}) == 0.5
    assert acer(0.5, 0.25) == 0.375
