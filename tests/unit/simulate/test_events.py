"""Events of the simulator: every page hears everything, a slow one hears the present, and nothing piles up."""

import asyncio
import json
import threading

from edge.simulate.events import MOST_PAGES, MOST_WAITING, PageEvents


def messages(wires: list[bytes | None]) -> list[tuple[str, dict]]:
    found = []
    for wire in wires:
        assert wire is not None
        event, data = wire.decode().rstrip("\n").split("\n")
        found.append((event.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_a_new_page_begins_with_the_present_state_of_each_topic() -> None:
    events = PageEvents()
    events.tell("cue", {"name": "idle"}, "front")
    events.tell("cue", {"name": "in"}, "front")
    events.tell("cue", {"name": "idle"}, "back")

    async def hear() -> list[bytes | None]:
        return await events.listen().next(5)

    assert messages(asyncio.run(hear())) == [
        ("cue", {"door": "front", "name": "in"}),
        ("cue", {"door": "back", "name": "idle"}),
    ]


def test_every_page_hears_what_another_thread_tells_in_order() -> None:
    events = PageEvents()

    async def hear() -> list[list[tuple[str, dict]]]:
        pages = [events.listen(), events.listen()]
        thread = threading.Thread(target=lambda: [events.tell("lights", {"n": n}) for n in range(20)])
        thread.start()
        heard: list[list[tuple[str, dict]]] = []
        for page in pages:
            found: list[bytes | None] = []
            while len(found) < 20:
                found += await page.next(5)
            heard.append(messages(found))
        thread.join()
        return heard

    assert asyncio.run(hear()) == [[("lights", {"n": n}) for n in range(20)]] * 2


def test_a_slow_page_gets_the_present_state_in_place_of_what_it_missed() -> None:
    events = PageEvents()

    async def hear() -> list[bytes | None]:
        page = events.listen()
        for n in range(10 * MOST_WAITING):
            events.tell("lights", {"n": n})
        return await page.next(5)

    heard = messages(asyncio.run(hear()))
    assert len(heard) <= MOST_WAITING
    assert heard[-1] == ("lights", {"n": 10 * MOST_WAITING - 1})


def test_one_page_too_many_ends_the_oldest() -> None:
    events = PageEvents()

    async def hear() -> tuple[list[bytes | None], list[bytes | None]]:
        pages = [events.listen() for _ in range(MOST_PAGES + 1)]
        assert events.pages == MOST_PAGES
        return await pages[0].next(5), await pages[1].next(0.01)

    assert asyncio.run(hear()) == ([None], [])


def test_the_end_reaches_every_page_also_one_that_comes_later() -> None:
    events = PageEvents()

    async def hear() -> list[list[bytes | None]]:
        before = events.listen()
        events.close()
        return [await before.next(5), await events.listen().next(5)]

    assert asyncio.run(hear()) == [[None], [None]]


def test_a_page_whose_loop_has_ended_harms_nobody() -> None:
    events = PageEvents()

    async def come() -> None:
        events.listen()

    asyncio.run(come())
    events.tell("lights", {"n": 1})
    assert events.pages == 1


def test_a_page_that_left_is_told_nothing() -> None:
    events = PageEvents()

    async def hear() -> list[bytes | None]:
        page = events.listen()
        events.leave(page)
        events.leave(page)
        events.tell("lights", {"n": 1})
        return await page.next(0.01)

    assert asyncio.run(hear()) == []
