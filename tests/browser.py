"""A real browser for tests: Debian's Chromium, headless, by its DevTools protocol over a pipe.

    with browser() as chromium:
        page = chromium.open("http://127.0.0.1:8080/", width=390, height=844)
        page.wait_for("document.querySelector('#done')")
"""

import base64
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import wait_until

OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--hide-scrollbars",
    "--proxy-server=direct://", "--remote-debugging-pipe")

# It reads commands from descriptor 3 and writes answers to 4. By way of high ones: ours may be 3 or 4 themselves.
_LAUNCH = """
import fcntl, os, sys
commands, answers = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in sys.argv[1:3])
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def require_chromium() -> str:
    """Its path; skips the test, or fails it in CI, where it is not installed."""
    path = shutil.which("chromium")
    if path is None:
        reason = "NOT LOOKED AT in a browser: apt install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


class Page:
    """*messages*: what its console and its errors said, violations of the content policy among them."""

    def __init__(self, chromium: "Chromium", session: str) -> None:
        self._chromium = chromium
        self._session = session
        self.messages: list[str] = []
        self.requested: list[str] = []

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._chromium.call(method, self._session, **parameters)

    def show(self, *, width: int, height: int, dark: bool = False) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def evaluate(self, expression: str) -> Any:
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise AssertionError(done["exceptionDetails"])
        return done["result"].get("value")

    def wait_for(self, expression: str, *, seconds: float = 20.0) -> None:
        whole = f"document.readyState == 'complete' && Boolean({expression})"
        wait_until(lambda: self.evaluate(whole), seconds=seconds, what=expression)

    def text(self) -> str:
        return str(self.evaluate("document.body.innerText"))

    def screenshot(self, file: Path) -> None:
        """All of it, however long."""
        height = self.evaluate("document.documentElement.scrollHeight")
        width = self.evaluate("window.innerWidth")
        done = self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=True,
            clip={"x": 0, "y": 0, "width": width, "height": height, "scale": 1})
        file.write_bytes(base64.b64decode(done["data"]))

    def close(self) -> None:
        self.call("Page.close")

    def on_event(self, method: str, parameters: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.messages.append(str(parameters["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self.messages.append(str([each.get("value") for each in parameters["args"]]))
        elif method == "Log.entryAdded":
            self.messages.append(parameters["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requested.append(parameters["request"]["url"])


class Chromium:
    def __init__(self, directory: str) -> None:
        ours, theirs = os.pipe(), os.pipe()  # commands, answers
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, str(ours[0]), str(theirs[1]), require_chromium(), *OPTIONS,
             f"--user-data-dir={directory}"],
            pass_fds=(ours[0], theirs[1]), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(ours[0])
        os.close(theirs[1])
        self._commands = os.fdopen(ours[1], "wb", buffering=0)
        self._answers = os.fdopen(theirs[0], "rb", buffering=0)
        self._received = b""
        self._ids = itertools.count(1)
        self._pages: dict[str, Page] = {}

    def open(self, url: str, *, width: int = 1280, height: int = 800, dark: bool = False) -> Page:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.show(width=width, height=height, dark=dark)
        page.call("Page.navigate", url=url)
        page.wait_for("document.body && location.href != 'about:blank'")
        return page

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        number = next(self._ids)
        command = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        self._commands.write(json.dumps(command).encode() + b"\0")
        while True:
            message = self._receive()
            if message.get("id") == number:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                result: dict[str, Any] = message["result"]
                return result
            page = self._pages.get(message.get("sessionId", ""))
            if page is not None and "method" in message:
                page.on_event(message["method"], message["params"])

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            data = self._answers.read(1 << 20)
            if not data:
                raise AssertionError("the browser has ended")
            self._received += data
        text, self._received = self._received.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        return message

    def end(self) -> None:
        with contextlib.suppress(AssertionError, OSError):
            self.call("Browser.close")
        self._commands.close()
        self._answers.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def browser() -> Iterator[Chromium]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        chromium = Chromium(directory)
        try:
            yield chromium
        finally:
            chromium.end()
