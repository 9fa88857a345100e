"""The simulator's web application: the page, its events, and what the page's widgets do."""

import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from edge.adapters.browser.pictures import MAX_BYTES, decode_picture, fitted
from edge.domain.face import Pixels
from edge.domain.people.credentials import Read, Token
from edge.errors import PhotoError, SmartClockerError
from edge.simulate.door import Door
from edge.simulate.request_bodies import (
    MAX_ENROLMENT,
    BodyRefused,
    CameraState,
    CancelEnrolment,
    EnrolHere,
    EnrolSample,
    MoveContact,
    ShowBadge,
    StandThere,
    SwitchPart,
    TypeKeys,
    body_of,
    parsed,
)
from edge.simulate.sample_people import photo_path, shown_at_the_door
from edge.simulate.site import SimulatedSite, sample_of
from edge.vision.photo import load_photo

_log = logging.getLogger(__name__)
PAGE = Path(__file__).resolve().parent / "page"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEARTBEAT_S = 10.0
"""Seconds after which a quiet stream sends a comment, so that a page that is gone is noticed."""
_DONE = 204
Handler = Callable[[Request], Awaitable[Response]]


class SimulatorPages:
    """The routes of one simulated site."""

    def __init__(self, site: SimulatedSite) -> None:
        self._site = site
        self._files = {path.name: path for path in PAGE.iterdir() if path.suffix in _TYPES}

    def application(self) -> Starlette:
        """The application, without its gate."""
        door = "/doors/{door}"
        return Starlette(
            routes=[
                Route("/", self._index),
                Route("/page/{file}", self._file),
                Route("/photos/{file}", self._photo),
                Route("/about", self._about),
                Route("/events", self._events),
                Route("/people", self._enrol, methods=["POST"]),
                Route("/network", self._network, methods=["POST"]),
                Route(f"{door}/frame", self._frame, methods=["POST"]),
                Route(f"{door}/picture", self._picture, methods=["POST"]),
                Route(f"{door}/stand", self._stand, methods=["POST"]),
                Route(f"{door}/camera", self._camera, methods=["POST"]),
                Route(f"{door}/badge", self._badge, methods=["POST"]),
                Route(f"{door}/keys", self._keys, methods=["POST"]),
                Route(f"{door}/reader", self._reader, methods=["POST"]),
                Route(f"{door}/contact", self._contact, methods=["POST"]),
                Route(f"{door}/buttons", self._buttons, methods=["POST"]),
                Route(f"{door}/journal", self._journal, methods=["POST"]),
                Route(f"{door}/power", self._power, methods=["POST"]),
                Route(f"{door}/enrolment", self._enrol_here, methods=["POST"]),
                Route(f"{door}/enrolment/cancel", self._cancel, methods=["POST"]),
            ],
            exception_handlers={BodyRefused: _refused, SmartClockerError: _problem},
        )

    async def _index(self, _request: Request) -> Response:
        return _page_file(self._files["index.html"])

    async def _file(self, request: Request) -> Response:
        path = self._files.get(request.path_params["file"])
        return _nothing() if path is None else _page_file(path)

    async def _photo(self, request: Request) -> Response:
        path = photo_path(request.path_params["file"])
        return _nothing() if path is None else FileResponse(path)

    async def _about(self, _request: Request) -> Response:
        return JSONResponse(self._site.message())

    async def _events(self, _request: Request) -> Response:
        return StreamingResponse(self._stream(), media_type="text/event-stream")

    async def _stream(self) -> AsyncIterator[bytes]:
        events = self._site.events
        listener = events.listen()
        try:
            while True:
                found = await listener.next(HEARTBEAT_S)
                for wire in found:
                    if wire is None:
                        yield b"event: end\ndata: {}\n\n"
                        return
                    yield wire
                if not found:
                    yield b": still here\n\n"
        finally:
            events.leave(listener)

    async def _enrol(self, request: Request) -> Response:
        wish = await parsed(request, EnrolSample)
        person = sample_of(wish.sample)
        if person is None:
            raise BodyRefused(422, "nobody of the sample people is called so")
        if not wish.face:
            await run_in_threadpool(self._site.add, person)
            return Response(status_code=_DONE)
        if not wish.agreed:
            raise BodyRefused(422, "nobody is enrolled without a consent: tick the box when the person agrees")
        await run_in_threadpool(self._site.enrol, person)
        return Response(status_code=_DONE)

    async def _enrol_here(self, request: Request) -> Response:
        door, wish = self._door(request), await parsed(request, EnrolHere, MAX_ENROLMENT)
        attested, site = wish.attested(), self._site
        if wish.photographs:
            await run_in_threadpool(site.enrol_from, door, attested, wish.photographs)
            return Response(status_code=_DONE)
        lines = site.guided.lines(door, attested, site.roster)
        return StreamingResponse(lines, media_type="application/x-ndjson")

    async def _cancel(self, request: Request) -> Response:
        door, _ = self._door(request), await parsed(request, CancelEnrolment)
        if not self._site.guided.cancel(door):
            raise BodyRefused(409, "no enrolment goes on at this door")
        return Response(status_code=_DONE)

    async def _network(self, request: Request) -> Response:
        wish = await parsed(request, SwitchPart)
        await run_in_threadpool(self._site.switch_network, wish.on)
        return Response(status_code=_DONE)

    async def _frame(self, request: Request) -> Response:
        door, jpeg = self._door(request), await _picture_of(request)
        devices = door.devices
        devices.camera.offer(await run_in_threadpool(_framed, jpeg, door.scene.size))
        return Response(status_code=_DONE)

    async def _picture(self, request: Request) -> Response:
        door, jpeg = self._door(request), await _picture_of(request)
        await run_in_threadpool(lambda: door.put_there(decode_picture(jpeg)))
        door.devices.camera.end_offers()
        return Response(status_code=_DONE)

    async def _stand(self, request: Request) -> Response:
        door, wish = self._door(request), await parsed(request, StandThere)
        door.devices.camera.end_offers()
        if wish.photo is None:
            await run_in_threadpool(door.put_there, None)
            return Response(status_code=_DONE)
        path, person = photo_path(wish.photo), shown_at_the_door(wish.photo)
        if path is None:
            raise BodyRefused(422, "no sample person has this photograph")
        await run_in_threadpool(lambda: door.put_there(_shipped(path), person, gain=wish.gain, blur=wish.blur))
        return Response(status_code=_DONE)

    async def _camera(self, request: Request) -> Response:
        door, wish = self._door(request), await parsed(request, CameraState)
        if wish.unplugged is not None:
            door.scene.stall(wish.unplugged)
            door.tell("camera", {"unplugged": wish.unplugged})
        if wish.live is False:
            door.devices.camera.end_offers()
        return Response(status_code=_DONE)

    async def _badge(self, request: Request) -> Response:
        door, wish = self._door(request), await parsed(request, ShowBadge)
        return _offered(door, Read(Token.BADGE, wish.number))

    async def _keys(self, request: Request) -> Response:
        door, wish = self._door(request), await parsed(request, TypeKeys)
        return _offered(door, Read(Token.NUMBER, wish.digits))

    async def _reader(self, request: Request) -> Response:
        door, wish = self._door(request), await parsed(request, SwitchPart)
        door.devices.reader.unplugged = not wish.on
        door.tell("reader", {"unplugged": not wish.on})
        return Response(status_code=_DONE)

    async def _contact(self, request: Request) -> Response:
        door, wish = self._door(request), await parsed(request, MoveContact)
        if not door.devices.buttons.move(wish.contact, wish.active):
            raise BodyRefused(409, "the buttons are unplugged, or the terminal is off")
        return Response(status_code=_DONE)

    async def _buttons(self, request: Request) -> Response:
        door, wish = self._door(request), await parsed(request, SwitchPart)
        door.devices.buttons.unplugged = not wish.on
        door.tell("buttons", {"unplugged": not wish.on})
        return Response(status_code=_DONE)

    async def _journal(self, request: Request) -> Response:
        door, wish = self._door(request), await parsed(request, SwitchPart)
        await run_in_threadpool(door.hold_journal, not wish.on)
        return Response(status_code=_DONE)

    async def _power(self, request: Request) -> Response:
        door, wish = self._door(request), await parsed(request, SwitchPart)
        await run_in_threadpool(door.switch_on if wish.on else door.switch_off)
        return Response(status_code=_DONE)

    def _door(self, request: Request) -> Door:
        door = self._site.doors.get(request.path_params["door"])
        if door is None:
            raise BodyRefused(404, "the simulated site has no such door")
        return door


@functools.lru_cache(maxsize=8)
def _shipped(path: Path) -> Pixels:
    return load_photo(path)


def _framed(jpeg: bytes, size: tuple[int, int]) -> Pixels:
    return fitted(decode_picture(jpeg), size)


async def _picture_of(request: Request) -> bytes:
    if request.headers.get("content-type") != "image/jpeg":
        raise BodyRefused(415, "send a JPEG picture, with Content-Type: image/jpeg")
    return await body_of(request, MAX_BYTES)


def _offered(door: Door, read: Read) -> Response:
    if not door.devices.reader.offer(read):
        raise BodyRefused(409, "the reader takes nothing now: it is unplugged, or the terminal is off or busy")
    return Response(status_code=_DONE)


def _page_file(path: Path) -> Response:
    return Response(path.read_bytes(), media_type=_TYPES[path.suffix])


def _nothing() -> Response:
    return JSONResponse({"problem": "nothing is here"}, 404)


async def _refused(_request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, BodyRefused) else 422
    # A body that was not read to its end is not read further: the connection is closed.
    rest = {"connection": "close"} if status in {408, 413} else None
    return JSONResponse({"problem": str(error)}, status, rest)


async def _problem(_request: Request, error: Exception) -> Response:
    status = 422 if isinstance(error, PhotoError) else 409
    return JSONResponse({"problem": str(error)}, status)
