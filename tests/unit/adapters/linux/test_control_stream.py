"""The event loop's side of the control socket, before services that answer in every wrong way."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from edge.adapters.linux.control_client import MOST_ANSWER
from edge.adapters.linux.control_stream import ControlStream
from edge.errors import ControlAway, ControlError

LINE = json.dumps({"v": 1, "progress": "coach", "text": "come closer"}).encode() + b"\n"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def met(tmp_path: Path, answer: Answer, act: Callable[[ControlStream], Awaitable[object]]) -> object:
    """What comes of a request to a service that answers so."""

    async def meet() -> object:
        path, answered = tmp_path / "control", asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):  # the stream may be closed already
                await answer(reader, writer)
                writer.close()
                await writer.wait_closed()
            answered.set()

        async with await asyncio.start_unix_server(serve, path):
            stream = await ControlStream.ask(path, {"do": "status"})
            try:
                return await act(stream)
            finally:
                stream.close()
                stream.close()
                await answered.wait()

    return asyncio.run(meet())


def saying(*parts: bytes) -> Answer:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return answer


def test_a_line_comes_whole_and_the_request_is_one_line(tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(LINE)
        asked.append(await reader.readline())
        writer.write(LINE)
        asked.append(await reader.read())

    async def act(stream: ControlStream) -> object:
        first = await stream.next(60)
        stream.cancel()
        return first, await stream.next(60)

    said = json.loads(LINE)
    assert met(tmp_path, answer, act) == (said, said)
    assert [json.loads(one) for one in asked[:2]] == [{"v": 1, "do": "status"}, {"v": 1, "do": "cancel"}]


def test_silence_is_none_and_loses_nothing_of_a_line(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(LINE[:9])
        await go_on.wait()
        writer.write(LINE[9:])
        await writer.drain()

    async def act(stream: ControlStream) -> object:
        silent = await stream.next(0.01)
        go_on.set()
        return silent, await stream.next(60)

    assert met(tmp_path, answer, act) == (None, json.loads(LINE))


@pytest.mark.parametrize(
    "said",
    [b"", LINE[:-1], b"\n", b"no json\n", b'{"v": 2}\n', b"[]\n", b"x" * (3 * MOST_ANSWER) + b"\n"],
    ids=["nothing", "half a line", "an empty line", "no json", "another version", "a list", "too much"],
)
def test_what_is_no_line_is_an_error_with_a_cure(tmp_path: Path, said: bytes) -> None:
    with pytest.raises(ControlError, match=r"try again|update both|restart it"):
        met(tmp_path, saying(said), lambda stream: stream.next(60))


def test_without_a_service_it_is_away(tmp_path: Path) -> None:
    with pytest.raises(ControlAway):
        asyncio.run(ControlStream.ask(tmp_path / "control", {"do": "status"}))
