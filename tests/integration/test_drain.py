"""The delivery benchmark itself: every process of it does its part, and the ledger holds what was sent."""

from tests.bench.drain import drain


def test_a_short_backlog_gives_every_figure(tmp_path):
    rows = {row.name: row for row in drain(tmp_path, records=300, rounds=1)}
    assert list(rows) == [
        "300 records drained to receipts",
        "processor time of the publisher a record",
        "processor time of the ledger a record",
        "growth of the publisher's RSS meanwhile",
    ]
    rate, *costs, growth = rows.values()
    assert rate.value > 0
    assert rate.ratio is not None
    assert rate.met is (rate.ratio >= 0.8)
    assert all(cost.value > 0 and cost.ratio is not None for cost in costs)
    assert growth.value <= 16
