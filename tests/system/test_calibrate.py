"""`smartclocker calibrate` on a terminal: found, put in force, undone, and refused on too little."""

import json
from pathlib import Path

import numpy as np
import pytest

from edge import config
from edge.people.person import new_person_id
from edge.terminal import installed
from edge.terminal.attendance import site_threshold
from edge.terminal.attendance.site_threshold import CALIBRATION, SCORES, SiteThreshold
from tests.support.people import consent
from tests.support.tolerance import SINGLE


@pytest.fixture
def crowded(site):
    """120 people who have something in common, enrolled under the shipped template's id."""
    loaded = config.load(site.config).config
    policy = installed.policy(loaded)
    model = installed.model_store(loaded).template.id
    rows = np.random.default_rng(1).normal(size=(120, 704)) + np.eye(1, 704) * 25
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    with installed.open_people(loaded, installed.load_secrets(loaded)) as people, people.together():
        for row in rows.astype(np.float32):
            people.enrol(new_person_id(), "Somebody", consent(policy), policy, row[None], model)
    return site, loaded, model


def test_it_is_found_taken_up_and_undone(crowded, smartclocker) -> None:
    site, loaded, model = crowded
    state = Path(loaded.storage.state)
    said = smartclocker("calibrate", "--config", site.config, "--dry-run", "--json")
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert found["evidence"]["gallery"]["searches"] == 120
    assert found["threshold"] == pytest.approx(found["manifest_threshold"] + found["shift"], abs=SINGLE)
    assert not (state / CALIBRATION).exists()
    running = SiteThreshold(state, model)
    assert not running.changed()
    done = smartclocker("calibrate", "--config", site.config)
    assert done.returncode == 0, done.stderr
    assert "in force" in done.stdout
    assert running.changed()
    assert running.shift == pytest.approx(found["shift"], abs=SINGLE)
    assert running.shift != 0
    assert not running.changed()
    assert oct((state / CALIBRATION).stat().st_mode)[-3:] == "600"
    assert "counts again" in smartclocker("calibrate", "--config", site.config, "--undo").stdout
    assert running.changed()
    assert running.shift == 0


def test_on_too_little_it_says_what_it_takes(site, smartclocker) -> None:
    done = smartclocker("calibrate", "--config", site.config)
    assert done.returncode == 65
    assert "It needs 100" in done.stderr
    assert "not calibrated" in smartclocker("calibrate", "--config", site.config, "--undo").stdout


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"{}",
        b'{"calibration":1,"model":"m","made":"x","shift":-0.5}',
        b'{"calibration":1,"model":"m","made":"x","shift":NaN}',
        b'{"calibration":1,"model":"another","made":"x","shift":0.01}',
        b"x" * 100_000,
    ],
)
def test_a_damaged_one_or_of_another_model_is_ignored_and_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CALIBRATION).write_bytes(content)
    site = SiteThreshold(tmp_path, "m")
    assert site.changed()
    assert (site.shift, site.ignored) == (0.0, True)


def test_punches_are_counted_and_survive_a_restart(tmp_path: Path) -> None:
    site = SiteThreshold(tmp_path, "m")
    for _ in range(5):
        site.scores.punched(0.8, 0.3, 40, by_badge=False)
    site.save(0)
    assert not (tmp_path / SCORES).exists(), "not with every punch"
    site.save(site_threshold.SAVE_EVERY_MS)
    assert site_threshold.scores(tmp_path, "m").searches == 5
    assert site_threshold.scores(tmp_path, "another").searches == 0
    (tmp_path / SCORES).write_bytes(b"half")
    assert site_threshold.scores(tmp_path, "m").searches == 0


def test_a_disk_that_takes_nothing_costs_counts_and_no_punch(tmp_path: Path, caplog) -> None:
    site = SiteThreshold(tmp_path / "gone", "m")
    site.scores.punched(0.8, 0.3, 40, by_badge=False)
    site.save()
    assert "cannot be written" in caplog.text
    (tmp_path / "gone").mkdir()
    site.save()
    assert site_threshold.scores(tmp_path / "gone", "m").searches == 1
