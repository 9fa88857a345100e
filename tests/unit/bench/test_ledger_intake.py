"""The ledger's benchmark measures what it says: every record stored and verified, in both ledgers."""

from edge.central.ledger.recheck import verify_all
from edge.central.store.records import Store
from tests.bench.ledger_intake import ledger_ingest


def test_the_intake_benchmark_measures_the_real_intake(tmp_path):
    floor, empty, cpu, full = ledger_ingest(tmp_path, records=2_048, rows=4_000)
    assert floor.value > empty.value > 0
    assert cpu.value >= 0.9 * empty.value, "no wait is negative"
    assert (empty.ratio < 1, empty.met) == (True, empty.value >= 5_000)
    assert "4,000 rows before" in full.name
    assert abs(full.ratio - full.value / empty.value) < 0.02
    with Store(tmp_path / "empty.db") as store:
        assert store.count() == 2_048
        assert all(report.ok for report in verify_all(store))
    with Store(tmp_path / "full.db") as store:
        assert store.count() == 2_048 + 4_000
