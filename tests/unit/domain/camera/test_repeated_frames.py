"""A live stream never repeats itself, a recording does; and what proves nothing is not held against a camera."""

import itertools

import numpy as np
import pytest

from edge.domain.camera.repeated_frames import RepeatedFrames, StreamFault, StreamPolicy, digest_of

RATE_MS = 66
SIZE = (48, 64, 3)


class Sensor:
    """A still scene with a sensor's noise of ±1 level."""

    def __init__(self, seed: int = 1, level: int = 120) -> None:
        self._rng = np.random.default_rng(seed)
        self._level = level

    def frame(self) -> np.ndarray:
        noise = self._rng.integers(-1, 2, SIZE)
        return np.clip(self._level + noise, 0, 255).astype(np.uint8)


def watch(frames, rule: RepeatedFrames | None = None, start_ms: int = 0) -> tuple[RepeatedFrames, list]:
    rule = rule or RepeatedFrames()
    return rule, [rule.observe(frame, start_ms + n * RATE_MS) for n, frame in enumerate(frames)]


def test_a_still_scene_before_a_live_sensor_is_never_a_repetition() -> None:
    sensor = Sensor()
    _, found = watch(sensor.frame() for _ in range(5_000))
    assert set(found) == {None}


def test_one_frame_for_ever_is_noticed_after_seconds() -> None:
    sensor = Sensor()
    one = sensor.frame()
    rule, found = watch(one for _ in range(200))
    first = found.index(StreamFault.FROZEN)
    assert 5_000 <= first * RATE_MS <= 6_000
    assert rule.found is StreamFault.FROZEN


@pytest.mark.parametrize("length", [2, 15, 150, 4_000])
def test_a_loop_is_noticed_in_its_second_round(length: int) -> None:
    sensor = Sensor()
    film = [sensor.frame() for _ in range(length)]
    _, found = watch(itertools.islice(itertools.cycle(film), length + 40))
    first = found.index(StreamFault.LOOP)
    assert length < first <= length + 20
    assert set(found[first:]) == {StreamFault.LOOP}


def test_a_loop_of_which_a_slow_reader_sees_every_third_frame() -> None:
    sensor = Sensor()
    film = [sensor.frame() for _ in range(100)]
    _, found = watch(film[(3 * n) % 100] for n in range(400))
    assert found[-1] is StreamFault.LOOP


def test_a_frame_that_a_driver_gives_twice_is_no_repetition() -> None:
    sensor = Sensor()
    frames = [sensor.frame() for _ in range(500)]
    _, found = watch(frame for one in frames for frame in (one, one, one))
    assert set(found) == {None}


@pytest.mark.parametrize("level", [0, 3, 254, 255])
def test_a_dark_or_burnt_out_room_proves_nothing(level: int) -> None:
    one = np.full(SIZE, level, np.uint8)
    assert digest_of(one) is None
    _, found = watch(one for _ in range(1_000))
    assert set(found) == {None}


def test_a_few_equal_frames_in_an_hour_are_no_loop() -> None:
    sensor = Sensor()
    rule, old = RepeatedFrames(), sensor.frame()
    for n in range(54_000):
        frame = old if n % 1_000 == 999 else sensor.frame()
        assert rule.observe(frame, n * RATE_MS) is None


def test_it_is_mended_after_a_minute_of_new_frames_and_no_earlier() -> None:
    sensor = Sensor()
    film = [sensor.frame() for _ in range(30)]
    rule, _ = watch(film * 3)
    assert rule.found is StreamFault.LOOP
    began = 90 * RATE_MS
    _, found = watch((sensor.frame() for _ in range(1_000)), rule, began)
    mended = found.index(None)
    assert mended * RATE_MS == pytest.approx(60_000, abs=200)
    assert set(found[mended:]) == {None}


def test_its_memory_is_bounded_and_a_longer_loop_is_not_noticed() -> None:
    sensor = Sensor()
    policy = StreamPolicy(remembered=100)
    film = [sensor.frame() for _ in range(150)]
    rule, found = watch(film * 3, RepeatedFrames(policy))
    assert set(found) == {None}
    assert len(rule._seen) == 100
