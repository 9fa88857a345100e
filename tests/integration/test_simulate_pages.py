"""The simulator's page over real HTTP, with a door whose terminal is off: what is taken, and what is refused."""

import contextlib
import io
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from edge import config
from edge.adapters.browser.pictures import MAX_BYTES
from edge.domain.attendance.presses import Contact, ContactChange
from edge.domain.people.credentials import Read, Token
from edge.errors import SmartClockerError
from edge.resources import photos_directory
from edge.sandbox import write_terminal
from edge.simulate import connections
from edge.simulate.door import Door
from edge.simulate.events import MOST_PAGES, PageEvents
from edge.simulate.request_bodies import MAX_ENROLMENT
from edge.simulate.server import bound, served
from edge.simulate.site import SimulatedSite
from tests.support.simulator import PageClient


@pytest.fixture
def site(tmp_path: Path) -> SimulatedSite:
    loaded = config.load(write_terminal(tmp_path / "front", photos_directory(), name="front"))
    events = PageEvents()
    return SimulatedSite(tmp_path, events, None, {"front": Door("Front", loaded.config, events)})


@pytest.fixture
def door(site: SimulatedSite) -> Iterator[Door]:
    """Its devices are open, as a running terminal's are."""
    found = site.doors["front"]
    found.devices.camera.open()
    found.devices.reader.open()
    found.devices.buttons.open()
    for _ in Contact:
        found.devices.buttons.read(1)
    yield found
    found.devices.camera.close()


@pytest.fixture
def page(site: SimulatedSite) -> Iterator[PageClient]:
    with served(site, bound(0)) as server:
        yield PageClient(server.url)


def jpeg(colour=(10, 20, 200), size=(640, 480)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


def test_the_page_and_its_files_are_served_with_the_headers_that_protect_them(page: PageClient) -> None:
    status, headers, body = page.ask("GET", "")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers
    names = {part.split('"')[0] for part in body.decode().split('"page/')[1:]}
    assert {"main.js", "style.css"} <= names
    for name in names:
        status, headers, _ = page.ask("GET", f"page/{name}")
        assert status == 200
        assert headers["content-type"].split(";")[0] in {"text/css", "text/javascript", "image/svg+xml"}


def test_nothing_in_the_page_comes_from_elsewhere_or_is_written_inline() -> None:
    for path in (Path(__file__).resolve().parents[2] / "edge/simulate/page").iterdir():
        text = path.read_text()
        assert "innerHTML" not in text
        assert "https://" not in text
        if path.suffix == ".html":
            assert "<script>" not in text
            assert " style=" not in text
            assert " onclick" not in text


def test_what_there_is_is_told_once(page: PageClient) -> None:
    told = json.loads(page.ask("GET", "about")[2])
    assert told["doors"] == [{"name": "front", "title": "Front"}]
    assert told["centre"] is False
    assert "consent" in told["policy"]
    assert {state["name"] for state in told["states"]} >= {"idle", "looking", "accepted", "out-of-service"}
    assert [person["name"] for person in told["people"]] == ["Barack", "Joe", "Eileen"]
    for person in told["people"]:
        status, headers, body = page.ask("GET", f"photos/{person['photo']}")
        assert (status, headers["content-type"].split("/")[0], len(body) > 10_000) == (200, "image", True)


@pytest.mark.parametrize(
    "path",
    ["photos/SOURCES.toml", "photos/..%2fSOURCES.toml", "page/../app.py", "page/app.py", "doors/x/stand", "x"],
)
def test_no_other_file_is_served(page: PageClient, path: str) -> None:
    assert page.ask("GET", path)[0] in {404, 405}


def test_without_the_token_or_by_another_name_nobody_is_served(page: PageClient) -> None:
    assert page.ask("GET", "/")[0] == 404
    assert page.ask("GET", "/events")[0] == 404
    assert page.ask("GET", f"/x{page.base[1:]}")[0] == 404
    status, headers, body = page.ask("GET", "", Host="evil.example")
    assert status == 421
    assert b"smartclocker simulate" in body
    assert "content-security-policy" in headers


def test_who_has_no_token_cannot_keep_others_out_by_asking_nothing(page: PageClient) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(120):
            link = stack.enter_context(socket.create_connection((page.host, page.port)))
            link.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX" if number % 2 else b"")
        assert page.ask("GET", "about")[0] == 200


def test_a_connection_that_asks_nothing_is_ended(page: PageClient, monkeypatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 0.3)
    head = f"GET {page.base}about HTTP/1.1\r\nHost: {page.host}:{page.port}\r\n\r\n".encode()
    for sent in (b"", b"GET / HT", head, head + b"GET / HT"):
        with socket.create_connection((page.host, page.port), timeout=60) as link:
            link.sendall(sent)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                answer = b"".join(iter(lambda link=link: link.recv(65_536), b""))
        assert answer.startswith(b"HTTP/1.1 200" if head in sent else b"")


def _send_for_ever(link: socket.socket) -> None:
    while True:
        link.sendall(bytes(100_000))


def test_a_body_of_somebody_without_the_token_is_not_read(page: PageClient) -> None:
    with socket.create_connection((page.host, page.port), timeout=60) as link:
        link.sendall(
            f"POST /x HTTP/1.1\r\nHost: {page.host}:{page.port}\r\nContent-Length: 999999999999\r\n\r\n".encode()
        )
        assert link.recv(1_000).startswith(b"HTTP/1.1 404")
        with pytest.raises(ConnectionError):
            _send_for_ever(link)


def test_another_sites_page_changes_nothing(page: PageClient, door: Door) -> None:
    body = json.dumps({"number": "4711"}).encode()
    path = "doors/front/badge"
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": None}):
        assert page.ask("POST", path, body, **headers)[0] == 403
    assert page.ask("POST", path, body, Sec_Fetch_Site="cross-site")[0] == 403
    assert page.ask("POST", path, body, Content_Type="text/plain")[0] == 415
    assert page.ask("GET", path)[0] == 405
    assert door.devices.reader.read(0.01) is None
    assert page.ask("POST", path, body)[0] == 204
    assert door.devices.reader.read(5) == Read(Token.BADGE, "4711")


def test_another_sites_page_enrols_nobody(page: PageClient) -> None:
    wish = {"name": "Ada", "witness": "x", "agreed": True, "age_attested": True, "employer_agreed": True}
    body = json.dumps(wish).encode()
    for path in ("doors/front/enrolment", "doors/front/enrolment/cancel"):
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": None}):
            assert page.ask("POST", path, body, **headers)[0] == 403
        assert page.ask("POST", path, body, Sec_Fetch_Site="cross-site")[0] == 403
        assert page.ask("POST", path, body, Content_Type="text/plain")[0] == 415
        assert page.ask("POST", path, body, Host="evil.example")[0] == 421
        assert page.ask("POST", f"/wrong/{path}", body)[0] == 404
        assert page.ask("GET", path)[0] == 405
    assert page.ask("POST", "doors/front/enrolment", b"x" * (MAX_ENROLMENT + 1))[0] == 413


def test_a_frame_of_the_page_stands_before_the_camera(page: PageClient, door: Door) -> None:
    assert page.picture("doors/front/frame", jpeg(size=(1280, 720))) == (204, "")
    frame = door.devices.camera.read(5)
    assert frame is not None
    assert frame.pixels.shape == (480, 640, 3)
    assert frame.pixels[..., 2].mean() > 180
    assert page.post("doors/front/camera", live=False)[0] == 204
    again = door.devices.camera.read(5)
    assert again is not None
    assert again.pixels[..., 0].mean() > 90, "the wall"


def test_a_photograph_of_the_shipped_ones_stands_there_and_goes(page: PageClient, door: Door) -> None:
    empty = door.scene.render(1.0).astype(int)
    assert page.post("doors/front/stand", photo="biden.jpg", gain=0.5)[0] == 204
    assert abs(door.scene.render(1.0) - empty).mean() > 10
    assert page.post("doors/front/stand", photo=None)[0] == 204
    assert abs(door.scene.render(1.0) - empty).mean() < 5
    assert page.picture("doors/front/picture", jpeg())[0] == 204
    assert door.scene.render(1.0)[..., 2].mean() > 150


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"", 422), (b"garbage", 422), (jpeg()[:300], 422), (b"\x89PNG\r\n\x1a\n", 422), (b"x" * MAX_BYTES, 422),
     (b"x" * (MAX_BYTES + 1), 413), (jpeg(size=(2_400, 16)), 422)],
    ids=["empty", "text", "truncated", "png", "much", "too much", "too wide"],
)  # fmt: skip
def test_what_is_no_frame_is_refused_with_its_cure(page: PageClient, door: Door, data: bytes, status: int) -> None:
    for where in ("frame", "picture"):
        answered, problem = page.picture(f"doors/front/{where}", data)
        assert answered == status
        assert "send" in problem or "bytes" in problem
    assert page.ask("POST", "doors/front/frame", jpeg(), Content_Type="image/png")[0] == 415


def test_a_body_without_a_length_is_bounded_too(page: PageClient) -> None:
    with socket.create_connection((page.host, page.port), 60) as raw:
        head = f"POST {page.base}doors/front/frame HTTP/1.1\r\nHost: {page.host}:{page.port}\r\n"
        head += f"Origin: http://{page.host}:{page.port}\r\nContent-Type: image/jpeg\r\n"
        head += "Transfer-Encoding: chunked\r\n\r\n"
        raw.sendall(head.encode())
        sent, answer = 0, b""
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        raw.settimeout(60)
        with contextlib.suppress(OSError):  # it is cut off
            while sent < 20 * MAX_BYTES:
                raw.sendall(chunk)
                sent += len(chunk)
        with contextlib.suppress(OSError):
            answer = raw.recv(100)
    assert sent < 20 * MAX_BYTES
    assert answer == b"" or b" 413 " in answer


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("badge", b"not json"),
        ("badge", b"[]"),
        ("badge", b'{"number": 4711}'),
        ("badge", b'{"number": "1", "more": 1}'),
        ("badge", b'{"number": ""}'),
        ("badge", b"\xff\xfe"),
        ("keys", b'{"digits": "12a"}'),
        ("keys", b'{"digits": "123456789012345678901"}'),
        ("stand", b'{"photo": "SOURCES.toml"}'),
        ("stand", b'{"photo": "../secret"}'),
        ("stand", b'{"photo": "biden.jpg", "gain": 1e9}'),
        ("stand", b'{"photo": "biden.jpg", "blur": NaN}'),
        ("camera", b'{"unplugged": "yes"}'),
    ],
)
def test_what_is_not_understood_is_refused(page: PageClient, door: Door, path: str, body: bytes) -> None:
    status, _, answer = page.ask("POST", f"doors/front/{path}", body)
    assert status == 422
    assert json.loads(answer)["problem"]
    assert door.devices.reader.read(0.01) is None


def test_a_large_body_of_words_is_refused(page: PageClient) -> None:
    assert page.ask("POST", "doors/front/badge", b'{"number": "' + b"1" * 5_000 + b'"}')[0] == 413


def test_a_reader_that_is_unplugged_or_off_says_so(page: PageClient, door: Door) -> None:
    assert page.post("doors/front/reader", on=False)[0] == 204
    status, problem = page.post("doors/front/badge", number="4711")
    assert (status, "unplugged" in problem) == (409, True)
    assert page.post("doors/front/reader", on=True)[0] == 204
    assert page.post("doors/front/keys", digits="1001")[0] == 204
    door.devices.reader.close()
    assert page.post("doors/front/badge", number="4711")[0] == 409


def test_a_button_is_pressed_and_let_go_and_unplugged(page: PageClient, door: Door) -> None:
    for active in (True, False):
        assert page.post("doors/front/contact", contact="out", active=active)[0] == 204
        assert door.devices.buttons.read(5) == ContactChange(Contact.OUT, active)
    assert page.post("doors/front/contact", contact="tea", active=True)[0] == 422
    assert page.post("doors/front/buttons", on=False)[0] == 204
    assert page.post("doors/front/contact", contact="out", active=True)[0] == 409


def test_nobody_is_enrolled_without_a_consent_and_nobody_unknown(page: PageClient) -> None:
    status, problem = page.post("people", sample="barack", agreed=False)
    assert (status, "consent" in problem) == (422, True)
    assert page.post("people", sample="nobody", agreed=True)[0] == 422


def test_without_a_broker_the_network_cannot_be_cut_and_the_cure_is_named(page: PageClient) -> None:
    status, problem = page.post("network", on=False)
    assert (status, "apt install mosquitto" in problem) == (409, True)


def test_many_pages_hear_and_the_newest_are_kept(page: PageClient, site: SimulatedSite) -> None:
    site.events.tell("cue", {"name": "idle"}, "front")
    streams = [page.hearing() for _ in range(MOST_PAGES + 3)]
    heard = [stream.__enter__() for stream in streams]
    try:
        for one in heard:
            one.wait("cue")
        for one in heard[:3]:
            one.wait("end")
        site.events.tell("cue", {"name": "in"}, "front")
        for one in heard[3:]:
            one.wait("cue", lambda message: message["name"] == "in")
        assert page.ask("GET", "about")[0] == 200
    finally:
        for stream in streams:
            stream.__exit__(None, None, None)


def test_a_page_that_does_not_read_holds_nobody_up(page: PageClient, site: SimulatedSite) -> None:
    with socket.create_connection((page.host, page.port), 60) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
        raw.sendall(f"GET {page.base}events HTTP/1.1\r\nHost: {page.host}:{page.port}\r\n\r\n".encode())
        with page.hearing() as heard:
            for n in range(3_000):
                site.events.tell("lights", {"n": n, "much": "x" * 500}, "front")
            heard.wait("lights", lambda message: message["n"] == 2_999)


def test_the_end_of_the_server_ends_the_streams(site: SimulatedSite) -> None:
    with served(site, bound(0)) as server:
        client = PageClient(server.url)
        stream = client.hearing()
        heard = stream.__enter__()
        while site.events.pages == 0:
            assert not heard.ended.wait(0.01)
    assert heard.ended.wait(60)
    stream.__exit__(None, None, None)


def test_a_port_that_is_taken_names_the_cure() -> None:
    with bound(0) as taken:
        taken.listen()
        with pytest.raises(SmartClockerError, match="--port"):
            bound(taken.getsockname()[1])


def test_two_servers_have_two_tokens(site: SimulatedSite) -> None:
    with served(site, bound(0)) as one, served(site, bound(0)) as other:
        assert one.url.rsplit("/", 2)[1] != other.url.rsplit("/", 2)[1]
        assert len(one.url.rsplit("/", 2)[1]) >= 32
    assert threading.active_count() < 50
