"""A client of the simulator's page: plain HTTP, as any program of this machine could speak it."""

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit


class PageClient:
    """Asks as the page does; `headers` of a request replace the page's own, and None leaves one out."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self.host, self.port, self.base = parts.hostname, parts.port, parts.path

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str | None
    ) -> tuple[int, dict[str, str], bytes]:
        """The status, the headers and the body of an answer. `path` is below the token, or with a / whole."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=120)
        whole = path if path.startswith("/") else self.base + path
        name = f"{self.host}:{self.port}"
        own: dict[str, str | None] = {"Host": name, "Origin": f"http://{name}" if method == "POST" else None}
        if body is not None:
            own |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.putrequest(method, whole, skip_host=True, skip_accept_encoding=True)
            for header, value in own.items():
                if value is not None:
                    connection.putheader(header, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def post(self, path: str, **fields: object) -> tuple[int, str]:
        """The status, and the problem that was told."""
        status, _, body = self.ask("POST", path, json.dumps(fields).encode())
        return status, json.loads(body)["problem"] if body else ""

    def picture(self, path: str, jpeg: bytes) -> tuple[int, str]:
        """The same, of a JPEG."""
        status, _, body = self.ask("POST", path, jpeg, Content_Type="image/jpeg")
        return status, json.loads(body)["problem"] if body else ""

    @contextmanager
    def enrolling(self, door: str, **fields: object) -> Iterator["Enrolling"]:
        """A guided enrolment, whose connection is closed at the end of the block, as a page's is."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=300)
        wish = {"witness": "a test", "agreed": True, "age_attested": True, "employer_agreed": True, **fields}
        name = f"{self.host}:{self.port}"
        headers = {"Content-Type": "application/json", "Origin": f"http://{name}"}
        try:
            connection.request("POST", f"{self.base}doors/{door}/enrolment", json.dumps(wish), headers)
            yield Enrolling(connection.getresponse())
        finally:
            if connection.sock is not None:
                connection.sock.shutdown(2)
            connection.close()

    @contextmanager
    def hearing(self) -> Iterator["Heard"]:
        """What the page is told while the block runs."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=120)
        connection.request("GET", f"{self.base}events")
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.getheader("content-type", "").startswith("text/event-stream")
        heard = Heard()
        thread = threading.Thread(target=heard.follow, args=(answer,), daemon=True)
        thread.start()
        try:
            yield heard
        finally:
            heard.over = True
            if connection.sock is not None:
                connection.sock.shutdown(2)
            thread.join(30)
            connection.close()


class Enrolling:
    """The lines of one guided enrolment."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        assert answer.status == 200, answer.read()
        self._answer = answer

    def lines(self) -> Iterator[dict[str, Any]]:
        for raw in self._answer:
            if raw.strip():
                yield json.loads(raw)

    def until(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next line that fits."""
        seen = []
        for said in self.lines():
            if fits(said):
                return said
            seen.append(said)
        raise AssertionError(seen)

    def end(self) -> dict[str, Any]:
        """The last line."""
        return self.until(lambda said: "end" in said)


class Heard:
    """The events of one stream."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.ended = threading.Event()
        self.over = False
        self._changed = threading.Condition()

    def follow(self, answer: http.client.HTTPResponse) -> None:
        try:
            topic = ""
            for raw in answer:
                line = raw.decode().rstrip("\n")
                if found := re.fullmatch(r"event: (\w+)", line):
                    topic = found[1]
                elif line.startswith("data: "):
                    with self._changed:
                        self.events.append((topic, json.loads(line.removeprefix("data: "))))
                        self._changed.notify_all()
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            if not self.over:
                raise
        finally:
            self.ended.set()

    def mark(self) -> int:
        """Number of events so far."""
        with self._changed:
            return len(self.events)

    def wait(
        self, topic: str, fits: Callable[[dict[str, Any]], bool] = lambda _: True, *, since: int = 0, s: float = 120
    ) -> dict[str, Any]:
        """The first event of a topic that fits."""

        def found() -> dict[str, Any] | None:
            return next((m for name, m in self.events[since:] if name == topic and fits(m)), None)

        with self._changed:
            assert self._changed.wait_for(lambda: found() is not None, s), (topic, self.events[-12:])
            message = found()
        assert message is not None
        return message
