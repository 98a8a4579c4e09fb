# SPDX-License-Identifier: BSD-3-Clause
"""A headless Chromium, driven through its pipe (the DevTools protocol): no driver, no network.

Messages are JSON, each ended by a zero byte: https://chromedevtools.github.io/devtools-protocol/
"""
import json
import os
import select
import subprocess
import time

PATIENCE = 60  # seconds; a busy machine is slow


class Chromium:
    def __init__(self, program, folder):
        commands, self._out = os.pipe()
        self._in, events = os.pipe()
        flags = ("--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run"
                 " --disable-background-networking --disable-component-update --mute-audio"
                 f" --window-size=1500,900 --remote-debugging-pipe --user-data-dir={folder}/profile")
        with open(f"{folder}/chromium.log", "w") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", f"exec {program} {flags} about:blank 3<&{commands} 4>&{events}"],
                pass_fds=(commands, events), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_CACHE_HOME": folder})
        os.close(commands)
        os.close(events)
        self._rest = b""
        self._number = 0
        self._session = None
        self.events = []  # of the page, as they came
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def close(self):
        self._session = None
        try:
            self.call("Browser.close")
        except EOFError:
            pass
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _receive(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            if not select.select([self._in], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"Chromium has said nothing for {PATIENCE} s")
            piece = os.read(self._in, 1 << 20)
            if not piece:
                raise EOFError("Chromium has ended")
            self._rest += piece
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def open(self, url):
        """Returns once the page and its scripts are there."""
        begin = len(self.events)
        self.call("Page.navigate", url=url)
        self._until_loaded(begin)

    def reload(self):
        begin = len(self.events)
        self.call("Page.reload")
        self._until_loaded(begin)

    def _until_loaded(self, begin):
        while not any(e["method"] == "Page.loadEventFired" for e in self.events[begin:]):
            answer = self._receive()
            if "method" in answer:
                self.events.append(answer)

    def js(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def click(self, selector):
        """With the mouse, so that what lies above it gets in the way as for a person."""
        at = self.js(f"""(() => {{ const e = document.querySelector({json.dumps(selector)});
            e.scrollIntoView({{block: "center"}}); const r = e.getBoundingClientRect();
            return [r.x + r.width / 2, r.y + r.height / 2]; }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left", clickCount=1)

    def press(self, key):
        codes = {"Escape": 27, "Enter": 13, "ArrowRight": 39, "ArrowDown": 40, "Tab": 9, "End": 35}
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        params = {"key": key, "windowsVirtualKeyCode": codes.get(key, ord(key[0].upper()))}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **params)
        self.call("Input.dispatchKeyEvent", type="keyUp", **params)

    def type(self, text):
        self.call("Input.insertText", text=text)
