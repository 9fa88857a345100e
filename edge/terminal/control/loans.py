"""The loans by which an action of the command line uses the lights, the reader or the camera."""

from collections.abc import Callable, Sequence
from typing import Any

from edge.domain.attendance.cues import CUES, CueName
from edge.domain.face import Frame, Sight
from edge.domain.people.credentials import Read, Token
from edge.domain.recognition.guided_enrolment import TEMPLATES, Advice, GuidedEnrolment
from edge.domain.recognition.head_turn import Side
from edge.domain.vocabulary import Button
from edge.terminal.operator.probes import WITHIN_S, cue_of, words
from edge.terminal.runtime.lending import Loan

REPEATED_MS, PAUSE_MS = 3_000, 500
"""How long a cue that repeats is shown, and the time after a cue that ends by itself."""
CAMERA_TEST_MS = 4_000
CARD_MS = 30_000
ENROL_MS = round(WITHIN_S * 1_000)
ANSWER_MS = 30_000
"""So long a question is asked at the buttons. No answer is no agreement."""
NO_FRAME_MS = 5_000
"""Without a frame for so long, the camera is lost."""
_SPARE_MS = 10_000


def shown_ms(name: CueName) -> int:
    """How long a cue is shown as an example, in milliseconds."""
    cue = CUES[name]
    return REPEATED_MS if cue.repeat else sum(step.ms for step in cue.steps) + PAUSE_MS


class CueLoan(Loan):
    """Shows cues one after another."""

    def __init__(self, cues: Sequence[CueName]) -> None:
        super().__init__(sum(map(shown_ms, cues)) + _SPARE_MS)
        self._cues, self._shown = list(cues), 0
        self._until_ms: int | None = None

    def turn(self, frame: Frame | None, look: Callable[[Frame], Sight], now_ms: int) -> None:  # noqa: ARG002
        """Go on to the next cue when it is time."""
        if self._until_ms is not None and now_ms < self._until_ms:
            return
        if self._shown == len(self._cues):
            self.end()
            return
        name = self._cues[self._shown]
        self._shown += 1
        self.cue, self._until_ms = name, now_ms + shown_ms(name)
        self.tell(progress="cue", cue=name, text=CUES[name].text)


class CardLoan(Loan):
    """Takes the next card at the reader."""

    def __init__(self) -> None:
        super().__init__(CARD_MS)
        self.cue = CueName.SHOW_BADGE
        self.text: str | None = None
        """What the reader sent for the card."""

    def reads(self, read: Read) -> bool:
        """Take a badge; a number that is typed stays a punch's."""
        if read.source is not Token.BADGE:
            return False
        self.text = read.text
        self.end()
        return True

    def forget(self) -> None:
        """Drop the number."""
        self.text = None


class CameraLoan(Loan):
    """Counts what is seen through the camera; no picture is kept."""

    films = True

    def __init__(self, longest_ms: int = CAMERA_TEST_MS) -> None:
        super().__init__(longest_ms + _SPARE_MS)
        self.cue = CueName.LOOKING
        self._wanted_ms, self._begun_ms = longest_ms, -1
        self._last_ns: list[int] = []
        self._size: tuple[int, int] | None = None
        self._faces = self._good = 0
        self._reason: str | None = None
        self._luminance: float | None = None

    def turn(self, frame: Frame | None, look: Callable[[Frame], Sight], now_ms: int) -> None:
        """Count the frame."""
        if self._begun_ms < 0:
            self._begun_ms = now_ms
        if frame is not None:
            self._count(frame, look(frame))
        if now_ms - self._begun_ms >= self._wanted_ms:
            self.end()

    def _count(self, frame: Frame, sight: Sight) -> None:
        self._last_ns.append(frame.captured_ns)
        self._size = frame.pixels.shape[1], frame.pixels.shape[0]
        if sight.box is not None:
            self._faces += 1
            self._reason = None if sight.reason is None else str(sight.reason)
        self._good += sight.probe is not None
        if sight.light is not None:
            self._luminance = round(sight.light.luminance, 1)

    def found(self) -> dict[str, Any]:
        """What was seen, about nobody."""
        frames, times = len(self._last_ns), self._last_ns
        span_s = (times[-1] - times[0]) / 1e9 if frames > 1 else 0.0
        return {
            "frames": frames,
            "looked_at_a_second": round((frames - 1) / span_s, 1) if span_s > 0 else 0.0,
            "size": None if self._size is None else list(self._size),
            "with_face": self._faces,
            "good_for_enrolment": self._good,
            "last_reason": self._reason,
            "luminance_of_face": self._luminance,
        }


class EnrolLoan(Loan):
    """Asks what is to be agreed to at the buttons, then guides one person to varied templates.

    No frame is looked at before every question was answered with IN. OUT and BREAK say no, and later cancel.
    """

    films = lingers = True

    def __init__(
        self,
        first_side: Side,
        *,
        strobe: bool,
        wanted: int = TEMPLATES,
        questions: Sequence[CueName] = (),
        agreed: Callable[[], None] = lambda: None,
    ) -> None:
        """`questions` are asked one after another at the buttons; none where the answers were typed. `agreed` is
        called on the attending thread when the last one was answered with yes.
        """
        super().__init__(ENROL_MS)
        self._questions, self._agreed = list(questions), agreed
        self._asked_ms: int | None = None
        self.cue = CueName.ENROLLING
        self.enrolment = GuidedEnrolment(first_side, wanted=wanted, strobe=strobe)
        self._wanted = wanted
        self._said: tuple[CueName, int] | None = None
        self._frame_ms = -1
        if self._questions:
            self._ask()

    def turn(self, frame: Frame | None, look: Callable[[Frame], Sight], now_ms: int) -> None:
        """Take the next frame; the loan ends with the last template, or with a reason."""
        if self._questions:
            self._asked_ms = now_ms if self._asked_ms is None else self._asked_ms
            if now_ms - self._asked_ms >= ANSWER_MS:
                self.end("not-confirmed")
            return
        if frame is None:
            self._frame_ms = now_ms if self._frame_ms < 0 else self._frame_ms
            if now_ms - self._frame_ms >= NO_FRAME_MS:
                self.end("camera")
            return
        self._frame_ms = now_ms
        end = self.enrolment.observe(look(frame))
        if end is not None:
            self.end(str(end))
            return
        self._coach(self.enrolment.advice)
        if self.enrolment.complete:
            self.end()

    def pressed(self, button: Button) -> None:
        """IN answers a question with yes; OUT and BREAK answer with no, and cancel the enrolment later."""
        if button is not Button.IN:
            self.end("not-confirmed" if self._questions else "cancelled")
        elif self._questions:
            del self._questions[0]
            self._asked_ms = None
            if self._questions:
                self._ask()
            else:
                self._agreed()
                self.cue = CueName.ENROLLING

    def forget(self) -> None:
        """Drop every vector."""
        self.enrolment.forget()

    def _ask(self) -> None:
        self.cue = self._questions[0]
        self.tell(progress="ask", cue=self.cue, text=CUES[self.cue].text)

    def _coach(self, advice: Advice) -> None:
        self.cue = cue_of(advice)
        said = self.cue, self.enrolment.taken
        if said != self._said:
            self._said = said
            self.tell(
                progress="coach", cue=self.cue, text=words(advice), taken=self.enrolment.taken, wanted=self._wanted
            )
