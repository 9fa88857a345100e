"""From a frame to a sight: change detection, the models, exposure control and the strobe, one after another."""

from edge.domain.exposure import Metering
from edge.domain.face import Frame, Sight
from edge.domain.recognition.change_detection import ChangeDetector
from edge.terminal.attendance.capture import Pace
from edge.terminal.attendance.strobe import Strobing
from edge.terminal.runtime.look_timer import LookTimer
from edge.vision.pipeline import Pipeline


class Sights:
    """Makes a sight of each frame. One thread uses it."""

    def __init__(
        self, pipeline: Pipeline, pace: Pace, strobe: Strobing | None = None, timer: LookTimer | None = None
    ) -> None:
        """`pace` takes how fast the camera is read and with how much light; `strobe` is None without a lamp.

        `timer` measures the looks.
        """
        self._pipeline, self._pace, self._strobe = pipeline, pace, strobe
        self._timer = timer or LookTimer()
        self._changes, self._metering = ChangeDetector(), Metering()
        self._enrolment: Pipeline | None = None
        """The same models with the limits of enrolment; made when it is first needed."""

    @property
    def models(self) -> tuple[str, ...]:
        """The ids of the models in use."""
        return self._pipeline.model_ids

    @property
    def alarms(self) -> tuple[str, ...]:
        """Alarm words for the status."""
        return () if self._strobe is None else self._strobe.alarms

    def counters(self) -> dict[str, int]:
        """Counters for the status: the findings of flashes."""
        return {} if self._strobe is None else self._strobe.counters()

    def of(self, frame: Frame) -> Sight:
        """The sight of a frame."""
        return self._search(frame) if self._strobe is None else self._strobe.annotate(frame, self._search)

    def enrolling(self, frame: Frame) -> Sight:
        """The sight of a frame of a person who is being enrolled: every frame is searched, by the limits of
        enrolment, and the face is embedded as a template is.
        """
        sight = self._enrol(frame) if self._strobe is None else self._strobe.annotate(frame, self._enrol)
        self.flash(frame, sight)
        return sight

    def flash(self, frame: Frame, sight: Sight) -> None:
        """Light the infrared lamp, if there is one, for a face that has had no answer yet."""
        if self._strobe is not None:
            self._strobe.flash(frame, sight)

    def _search(self, frame: Frame) -> Sight:
        """The sight of a frame by the models. An empty room that does not change is filmed slowly, and not
        searched.
        """
        now_ms = frame.captured_ns // 1_000_000
        if not self._changes.worth_a_search(frame.pixels, now_ms):
            return Sight(frame.captured_ns)
        sight = self._timer.sight(self._pipeline.look, frame)
        if sight.box is not None:
            self._changes.face_seen(now_ms)
        self._pace.calm(not self._changes.awake(now_ms))
        return self._metered(sight, now_ms)

    def _enrol(self, frame: Frame) -> Sight:
        if self._enrolment is None:
            self._enrolment = self._pipeline.enrolling()
        self._pace.calm(False)
        return self._metered(self._timer.sight(self._enrolment.look, frame), frame.captured_ns // 1_000_000)

    def _metered(self, sight: Sight, now_ms: int) -> Sight:
        if self._metering.observe(sight.light, now_ms):
            self._pace.ev = self._metering.ev
        return sight
