"""The bodies of requests: bounded in size and time, and parsed before anything acts on them."""

import asyncio
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request

from edge.adapters.browser.pictures import MAX_BYTES
from edge.domain.attendance.presses import Contact
from edge.domain.people import person_name
from edge.domain.people.consent import MINIMUM_AGE
from edge.errors import SmartClockerError
from edge.simulate.enrolment.photographs import Attested

MAX_JSON = 4_096
"""Most bytes of a body that is not a picture."""
MOST_PHOTOGRAPHS = 5
"""Photographs of one enrolment."""
MAX_ENROLMENT = MAX_JSON + MOST_PHOTOGRAPHS * (MAX_BYTES * 4 // 3 + 8)
"""Most bytes of a body with photographs."""
DRAINED = 8_000_000
"""Bytes of a body that is too large which are read and dropped, so that its sender reads the answer."""
BODY_S = 10.0
"""Seconds in which a body must have come."""


class BodyRefused(SmartClockerError, ValueError):
    """A request that is not obeyed; `status` is HTTP's."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


class StandThere(Struct, frozen=True, forbid_unknown_fields=True):
    """Who stands before the camera; `photo` None is the empty room."""

    photo: Annotated[str, Meta(max_length=40)] | None
    gain: Annotated[float, Meta(ge=0.02, le=4)] = 1.0
    blur: Annotated[float, Meta(ge=0, le=20)] = 0.0


class CameraState(Struct, frozen=True, forbid_unknown_fields=True):
    """What happens to the camera: `unplugged`, or `live` False when a page has ended its webcam."""

    unplugged: bool | None = None
    live: bool | None = None


class ShowBadge(Struct, frozen=True, forbid_unknown_fields=True):
    """A badge that is held to the reader."""

    number: Annotated[str, Meta(min_length=1, max_length=80)]


class TypeKeys(Struct, frozen=True, forbid_unknown_fields=True):
    """A line that is typed at the keypad."""

    digits: Annotated[str, Meta(pattern=r"\A[0-9]{1,20}\Z")]


class MoveContact(Struct, frozen=True, forbid_unknown_fields=True):
    """A button is pressed or let go, the box opened or closed, or somebody moves before the motion sensor."""

    contact: Contact
    active: bool


class SwitchPart(Struct, frozen=True, forbid_unknown_fields=True):
    """A part that is switched on or off."""

    on: bool


class EnrolSample(Struct, frozen=True, forbid_unknown_fields=True):
    """One of the sample people is to be enrolled, and agrees to the policy; or, without a face, gets a badge."""

    sample: Annotated[str, Meta(max_length=40)]
    agreed: bool
    face: bool = True


class CancelEnrolment(Struct, frozen=True, forbid_unknown_fields=True):
    """The enrolment that goes on at a door is to be cancelled."""


class EnrolHere(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody is to be enrolled before the door's camera, or from photographs (JPEG, in base64), and agrees."""

    name: Annotated[str, Meta(max_length=1_000)]
    witness: Annotated[str, Meta(max_length=1_000)]
    agreed: bool
    age_attested: bool
    employer_agreed: bool
    photographs: Annotated[list[bytes], Meta(max_length=MOST_PHOTOGRAPHS)] = []

    def attested(self) -> Attested:
        """Whom they may enrol: everything was confirmed, and nothing is assumed. Raises BodyRefused with every
        problem and its cure.
        """
        name, witness = person_name.tidy(self.name), person_name.tidy(self.witness)
        wrong = [problem] if (problem := person_name.problem(name)) else []
        if problem := person_name.problem(witness):
            wrong.append(f"the witness: {problem}")
        if not self.age_attested:
            wrong.append(f"see that they are {MINIMUM_AGE} or older, then tick that box")
        if not self.employer_agreed:
            wrong.append("obtain the employer's agreement, then tick that box")
        if not self.agreed:
            wrong.append("nobody is enrolled without a consent: press IN, or type AGREE, when the person agrees")
        if wrong:
            raise BodyRefused(422, f"nobody was enrolled: {'; '.join(wrong)}")
        return Attested(name, witness)


T = TypeVar("T")


async def body_of(request: Request, most: int) -> bytes:
    """The whole body. Raises BodyRefused when it is too large, or too slow."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                size += len(part)
                if size > most + DRAINED:
                    break
                if size <= most:
                    parts.append(part)
                else:
                    parts.clear()
    except TimeoutError:
        raise BodyRefused(408, f"the body did not come within {BODY_S:g} s") from None
    if size > most:
        raise BodyRefused(413, f"the body has more than {most:,} bytes")
    return b"".join(parts)


async def parsed(request: Request, kind: type[T], most: int = MAX_JSON) -> T:
    """The body, of at most `most` bytes, as a `kind`. Raises BodyRefused."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise BodyRefused(415, "send JSON, with Content-Type: application/json")
    raw = await body_of(request, most)
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BodyRefused(422, f"not understood: {error}") from error
