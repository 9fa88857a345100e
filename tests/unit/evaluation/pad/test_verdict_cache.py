"""An evaluation of attacks that was ended goes on where it was, and gives what an unbroken one does."""

from pathlib import Path

import pytest

from edge.domain.recognition.decision import DecisionPolicy
from edge.domain.recognition.quality import QualityLimits
from edge.errors import EvaluationError
from edge.evaluation.pad.attempts import Tried
from edge.evaluation.pad.dataset import Folder, read_folder
from edge.evaluation.pad.experiment import PadTrial, measure
from edge.evaluation.pad.footage import Sampling
from edge.evaluation.pad.verdict_cache import FILE, Clips
from edge.resources import models_directory
from edge.vision.models import ModelStore
from edge.vision.pipeline import Pipeline

POLICY = DecisionPolicy()


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(ModelStore(models_directory()), QualityLimits())


@pytest.fixture
def folder(tmp_path: Path, photos: Path) -> Folder:
    """A video of four frames, two pictures, the one of them an attack by its folder alone, and one that is none."""
    for n, name in enumerate(("obama.jpg", "obama.jpg", "obama2.jpg", "obama.jpg")):
        put(tmp_path / "set" / "real" / f"clip_{n}.jpg", (photos / name).read_bytes())
    put(tmp_path / "set" / "real" / "biden.jpg", (photos / "biden.jpg").read_bytes())
    put(tmp_path / "set" / "print" / "biden.jpg", (photos / "biden.jpg").read_bytes())
    put(tmp_path / "set" / "print" / "broken.jpg", b"")
    return read_folder(tmp_path / "set", 10)


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def run(folder: Folder, pipeline: Pipeline, work: Path, *, until: int | None = None) -> tuple[Tried, list[int]]:
    """What came of it, and after how many pictures something was said; `until` so many it is interrupted."""
    said: list[int] = []

    def tell(done: int, all_of_them: int) -> None:
        assert all_of_them == folder.images
        said.append(done)
        if done == until:
            raise KeyboardInterrupt

    with Clips(work, "models", POLICY) as clips:
        return measure(folder, PadTrial(pipeline, POLICY), tell, clips), said


def same(one: Tried, other: Tried) -> None:
    assert (one.images, one.detected, one.accepted, one.rejected, one.unreadable) == (
        other.images, other.detected, other.accepted, other.rejected, other.unreadable,
    )  # fmt: skip
    for mine, theirs in ((one.attempts, other.attempts), (one.approaches, other.approaches)):
        assert repr(mine) == repr(theirs)  # an abstaining layer's NaN equals nothing but by its words


def test_what_was_ended_goes_on_and_gives_the_same(folder, pipeline, tmp_path, monkeypatch) -> None:
    whole = measure(folder, PadTrial(pipeline, POLICY), lambda _done, _all: None)
    work = tmp_path / "work"
    with pytest.raises(KeyboardInterrupt):
        run(folder, pipeline, work, until=4)
    assert (work / FILE).stat().st_mode & 0o077 == 0
    looks = []
    real = Pipeline.look
    monkeypatch.setattr(Pipeline, "look", lambda self, frame: looks.append(frame) or real(self, frame))
    resumed, said = run(folder, pipeline, work)
    same(resumed, whole)
    assert len(looks) < 6
    assert said[-1] == folder.images
    assert said == sorted(said)
    looks.clear()
    again, _ = run(folder, pipeline, work)
    same(again, whole)
    assert looks == []


def test_the_same_picture_counts_for_each_kind_it_is_in(folder, pipeline, tmp_path) -> None:
    found, _ = run(folder, pipeline, tmp_path / "work")
    assert found.accepted == {"real": 5, "print": 1}
    assert [attempt.kind for attempt in found.attempts].count("print") == 1


def test_a_picture_that_could_not_be_read_is_read_again_when_it_is_mended(
    folder, pipeline, tmp_path, photos
) -> None:
    first, _ = run(folder, pipeline, tmp_path / "work")
    assert [file.name for file in first.unreadable] == ["broken.jpg"]
    put(tmp_path / "set" / "print" / "broken.jpg", (photos / "obama3.jpg").read_bytes())
    second, _ = run(folder, pipeline, tmp_path / "work")
    assert second.unreadable == {}
    assert second.images["print"] == 2


def test_what_another_threshold_said_is_not_taken(folder, pipeline, tmp_path) -> None:
    run(folder, pipeline, tmp_path / "work")
    other = DecisionPolicy(liveness=0.9)
    with Clips(tmp_path / "work", "models", other) as clips:
        assert all(clips.known(clips.key(clip, Sampling(), None), clip) is None for clip in folder.clips)


def test_a_damaged_file_says_so_and_what_to_do(folder, pipeline, tmp_path) -> None:
    work = tmp_path / "work"
    with Clips(work, "models", POLICY) as clips:
        run(folder, pipeline, work)
        clips._db.execute("UPDATE kept SET kept = x'c1'")
    with pytest.raises(EvaluationError, match="name another --work"):
        run(folder, pipeline, work)


def test_drawn_attacks_and_a_work_folder_do_not_go_together(smartclocker, folder, tmp_path) -> None:
    done = smartclocker("evaluate-pad", tmp_path / "set", "--simulate", "--work", tmp_path / "work")
    assert done.returncode == EvaluationError.exit_code
    assert "leave out --work" in done.stderr
    words = ("evaluate-pad", tmp_path / "set", "--work", tmp_path / "work")
    first, second = smartclocker(*words), smartclocker(*words)
    assert first.returncode == second.returncode == 0, first.stderr
    assert first.stdout == second.stdout
