"""The benchmark's side that stands beside others: what needs no peer installed."""

from pathlib import Path

import pytest

from edge.resources import models_directory
from edge.vision.manifest import Role
from edge.vision.models import ModelStore
from tests.bench import peer_comparison
from tests.bench.peer_comparison import PeersMissing, environment

LOCK = Path(__file__).parents[3] / "provisioning" / "locks" / "peers.txt"


def test_the_search_is_measured_at_our_templates_length() -> None:
    store = ModelStore(models_directory())
    lengths = [store.spec(role).output[0].shape[1] for role in (Role.EMBEDDER, Role.COMPANION)]
    assert sum(lengths) == peer_comparison._DIMENSION


def test_without_the_lock_it_says_where_to_run_it(tmp_path: Path) -> None:
    with pytest.raises(PeersMissing, match="run `make bench` in a checkout"):
        environment(tmp_path / "peers.txt", tmp_path / "peers")


def test_a_peer_that_cannot_be_installed_says_why(tmp_path: Path) -> None:
    lock = tmp_path / "peers.txt"
    lock.write_text("no-such-thing==1.0 --hash=sha256:" + "0" * 64 + "\n", encoding="ascii")
    with pytest.raises(PeersMissing, match=r"could not be installed: .*no-such-thing"):
        environment(lock, tmp_path / "peers")
    assert not (tmp_path / "peers" / "lock.sha256").exists(), "the next run tries again"


def test_every_line_of_the_lock_is_hashed() -> None:
    pins = [line for line in LOCK.read_text(encoding="ascii").splitlines() if "==" in line]
    assert len(pins) >= 9
    assert LOCK.read_text(encoding="ascii").count("--hash=sha256:") >= len(pins)
