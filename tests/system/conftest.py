"""What every test of whole programs needs of a machine that is busy with others."""

import pytest

from edge.terminal import daemon


@pytest.fixture(autouse=True)
def _long_time_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `tests.support.program`, for a terminal in this process."""
    monkeypatch.setattr(daemon, "STOP_WITHIN_S", 120.0)
    monkeypatch.setattr(daemon, "FIRST_FRAME_S", 120.0)
