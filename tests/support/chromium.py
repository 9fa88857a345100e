"""The system's Chromium, driven over a pipe by its own protocol (CDP), without a further library."""

import base64
import itertools
import json
import os
import select
import subprocess
import time
from pathlib import Path
from typing import Any, Self

_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
            "--autoplay-policy=no-user-gesture-required", "--remote-debugging-pipe")  # fmt: skip


class ChromiumPage:
    """One page of a Chromium of its own. Use it as a context."""

    def __init__(self, profile: Path, *, film: Path | None = None, options: tuple[str, ...] = ()) -> None:
        """`film` (MJPEG or Y4M) is what its webcam sees, again and again; permission for it is granted."""
        fake = () if film is None else (
            "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={film}",
        )  # fmt: skip
        self._words = ["chromium", *_OPTIONS, f"--user-data-dir={profile}", *fake, *options]
        self._numbers = itertools.count(1)
        self._rest = b""
        self._session: str | None = None
        self.console: list[str] = []
        """Errors and warnings that the page or the browser wrote."""

    def __enter__(self) -> Self:
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        # Chromium reads its commands from descriptor 3 and answers on 4.
        script = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", *self._words],
            pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Accessibility"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._to)
        self._process.terminate()
        self._process.wait(60)
        os.close(self._from)

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        number = next(self._numbers)
        message: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next(120)
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result

    def open(self, url: str) -> None:
        """Load a page, and wait until its own script says that it is ready."""
        self.call("Page.navigate", url=url)
        self.wait("document.body?.dataset.ready === 'yes'")

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is awaited."""
        found = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in found, (script, found["exceptionDetails"])
        return found["result"].get("value")

    def wait(self, condition: str, seconds: float = 120) -> None:
        """Wait until an expression in the page is true."""
        deadline = time.monotonic() + seconds
        while not self.run(condition):
            assert time.monotonic() < deadline, (condition, self.run("document.body.innerText"), self.console)
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """A key, as a person presses it; `Tab`, `Enter` or ` `."""
        codes = {"Tab": 9, "Enter": 13, " ": 32}
        text = {"Enter": "\r", " ": " "}.get(key, "")
        common = {"key": key, "windowsVirtualKeyCode": codes[key], "code": "Space" if key == " " else key}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def focus(self, element: str) -> None:
        """Put the focus on an element, given as an expression; a mouse or many Tabs would do the same."""
        assert self.run(f"({element}).focus(), document.activeElement === ({element})"), element

    def type(self, text: str) -> None:
        """Type into the field that has the focus."""
        self.call("Input.insertText", text=text)

    def upload(self, selector: str, path: Path) -> None:
        """Choose a file in a field."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def size(self, width: int, height: int, scale: float = 1) -> None:
        """Make the window this large, in CSS pixels, each of `scale` pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )

    def prefer(self, *, scheme: str = "light", motion: str = "no-preference") -> None:
        """What the system asks of pages: `scheme` light or dark, `motion` no-preference or reduce."""
        wanted = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        self.call("Emulation.setEmulatedMedia", features=[{"name": n, "value": v} for n, v in wanted.items()])

    def picture(self, path: Path) -> None:
        """A PNG of what the window shows."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def _next(self, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], max(deadline - time.monotonic(), 0))
            assert ready, "chromium does not answer"
            chunk = os.read(self._from, 1 << 20)
            assert chunk, "chromium has ended"
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        method, said = message.get("method"), message.get("params", {})
        if method == "Log.entryAdded" and said["entry"]["level"] in {"error", "warning"}:
            self.console.append(said["entry"]["text"])
        if method == "Runtime.exceptionThrown":
            self.console.append(json.dumps(said["exceptionDetails"])[:500])
