#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Clicks through the page of --html in Chromium, as a person who looks for a failure would.

page-test.py CHROMIUM FOLDER: the folder has page.html, of the scenarios that lib.sh makes.
The page is opened from file://, and nothing may be asked of a network, nor stand in the console.
"""
import json
import os
import re
import sys

from chromium import Chromium

failures = 0
SQUARES = "#matrix .cell:not([hidden])"


def same(what, expected, got):
    global failures
    if got != expected:
        print(f"FAIL: {what}: expected {expected!r}, got {got!r}")
        failures += 1


def texts(b, selector):
    return b.js(f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.textContent)")


def count(b, selector):
    return b.js(f"document.querySelectorAll({json.dumps(selector)}).length")


def square(key):
    return f'#matrix .cell[data-cell="{key}"]'


def first_sight(b):
    same("title", "testkit: 5 of 10 cells failed", b.js("document.title"))
    same("squares", 10, count(b, SQUARES))
    same("squares by result", [5, 1, 1, 3],
         [count(b, f"{SQUARES}.{r}") for r in ("failed", "known", "skipped", "passed")])
    same("failures by scenario", 2, count(b, ".failures li"))
    same("bars of the times", True, count(b, "#side .plot .bar") > 0)
    same("nothing is wider than the window", True,
         b.js("document.documentElement.scrollWidth <= innerWidth"))


def filters(b):
    b.click('.toggle[data-result="failed"]')
    same("only failed", (5, "5 of 10 cells"), (count(b, SQUARES), texts(b, "#shown")[0]))
    same("a pressed button says so", "true",
         b.js("document.querySelector('.toggle.failed').getAttribute('aria-pressed')"))
    b.click("#reset")
    same("all again", 10, count(b, SQUARES))
    for key, value, left in (("folder", "wire", 5), ("tag", "fine", 2), ("transport", "tcp", 3)):
        b.js(f"document.getElementById('f-{key}').focus()")
        for _ in range(10):
            if b.js(f"document.getElementById('f-{key}').value") != value:
                b.press("ArrowDown")
        same(f"filter {key}={value}", left, count(b, SQUARES))
        b.click("#reset")


def search(b):
    b.press("/")
    same("/ goes to the search", "f-q", b.js("document.activeElement.id"))
    b.type("rst cut")
    same("search of two words", 2, count(b, SQUARES))
    b.press("Escape")
    same("Esc takes the search back", (10, ""), (count(b, SQUARES), b.js("document.getElementById('f-q').value")))
    b.press("/")
    b.type("fault 1: flip")
    same("search of what a fault did", [True], b.js("[...document.querySelectorAll('#matrix .cell:not([hidden])')].map((c) => c.dataset.cell.startsWith('wire/garbled'))"))
    b.press("Escape")
    b.press("/")
    b.type("no such thing")
    same("search of nothing", "No cell fits. Esc shows all again.", b.js("document.getElementById('matrix').innerText"))
    b.press("Escape")


def one_cell(b):
    b.click(square("wire/cut:1"))
    same("head of the cell", "wire/cut [unix how=fin]", texts(b, "#side .title code")[0])
    same("what came", True, texts(b, "#failure .got")[0].startswith("error ENOTCONN"))
    same("the command", "testkit run", texts(b, ".again code")[0][:11])
    same("seed of the command", True, texts(b, ".again code")[0].endswith("--cell 1 --seed 3"))
    same("the scenario's cells", 4, count(b, ".siblings .cell"))
    # the diagram
    same("messages", True, count(b, ".sequence .arrow.to-server") >= 5 and count(b, ".sequence .arrow.to-client") >= 5)
    same("both ends", ["client", "proxy", "server"], texts(b, ".sequence .lanes span"))
    same("sizes", True, "18 B" in texts(b, ".sequence td.number"))
    times = [float(t) for t in texts(b, ".sequence td.number:first-child") if re.fullmatch(r"[\d.]+", t)]
    same("times go on", sorted(times), times)
    same("steps", ["connect", "step 1 read 0+4096", "step 2 read 4096+4096"], texts(b, ".sequence .starts"))
    same("step that failed", 1, count(b, ".sequence .ends.bad"))
    same("the fault", ["fault 1: disconnect FIN"], texts(b, ".sequence .did"))
    same("the fault is marked", 1, count(b, ".sequence tr.has-fault .arrow.to-client.stops .mark"))
    rows = texts(b, ".sequence tbody tr")
    fault = next(i for i, r in enumerate(rows) if "disconnect FIN" in r)
    same("the request is before the fault", True, "NBD_CMD_READ cookie 2" in rows[fault - 1])
    b.click("#side details.on-the-wire button")
    same("the fault can be seen", True, b.js("""(() => {
      const r = document.querySelector('tr.has-fault').getBoundingClientRect();
      return r.top > 0 && r.bottom < innerHeight; })()"""))


def address(b):
    same("address", "#cell=wire%2Fcut%3A1", b.js("location.hash"))
    b.reload()
    same("the address brings the cell back", "wire/cut [unix how=fin]", texts(b, "#side .title code")[0])


def keys(b):
    b.press("Escape")
    same("Esc closes the cell", 0, count(b, "#side .title"))
    same("and leaves the focus there", "wire/cut:1", b.js("document.activeElement.dataset.cell"))
    b.press("ArrowRight")
    same("an arrow goes to the next", "wire/cut:3", b.js("document.activeElement.dataset.cell"))
    b.press("Enter")
    same("Enter opens it", "wire/cut [unix how=rst]", texts(b, "#side .title code")[0])
    same("RST", ["fault 1: disconnect RST"], texts(b, ".sequence .did"))
    b.press("n")
    same("n is the next that failed", True, texts(b, "#side .title .badge") == ["✗ failed"] and
         texts(b, "#side .title code") != ["wire/cut [unix how=rst]"])
    same("one stop for Tab", 1, count(b, "#matrix .cell[tabindex='0']"))
    b.press("?")
    same("? opens the list", True, b.js("document.getElementById('help').open"))
    b.press("Escape")
    same("Esc closes it", False, b.js("document.getElementById('help').open"))
    b.press("Escape")


def latencies(b):
    b.click(square("wire/garbled:1"))
    same("latencies", True, count(b, ".latencies .point") > 50)
    same("of which the fault is marked", 1, count(b, ".latencies .point.fault"))
    same("what is left out", True, any("are left out" in t for t in texts(b, ".sequence .note")))


def others(b):
    b.click(square("other/known:1"))
    same("known issue", ["Known issue: bug # 12"], texts(b, "#side .box.known"))
    b.click(square("other/needs:1"))
    same("skip", ["Skipped: program no-such-program is missing"], texts(b, "#side .box.skipped"))
    b.click(square("other/good:1"))
    same("no trace, and why", True, "testkit run --trace" in texts(b, "#side")[0])
    b.click('#side .chips button')
    same("a tag's button filters", 2, count(b, SQUARES))
    b.click("#reset")


def hostile(b):
    b.click(square("other/hostile:1"))
    same("a name stays text", ["</script><img src=http://127.0.0.1:9/x onerror=alert(1)> # & <!-- ]]> \"'"], texts(b, "#side h2"))
    same("no element of it", 0, count(b, "img, iframe, b b, i i, #side p b"))
    same("output stays text", True, "stderr  </script><script>alert(1)</script>" in texts(b, "#failure pre")[0])
    same("scripts", 2, count(b, "script"))


def themes(b):
    colours = []
    for _ in range(3):
        colours.append(b.js("getComputedStyle(document.documentElement).backgroundColor"))
        b.click("#theme")
    same("light and dark", (True, True), (colours[1] != colours[2], colours[0] in colours[1:]))


def many(b, folder):
    """The same page with 1500 cells."""
    page = open(f"{folder}/page.html", encoding="utf-8").read()
    head, data, tail = re.split(r'(?<=id="data">)(.*?)(?=</script>)', page, maxsplit=1, flags=re.S)
    results = json.loads(data)
    one = results["scenarios"][-1]
    results["scenarios"] = [{**one, "id": f"f{i % 10}/s{i}", "cells": [{**c, "number": n} for n, c in enumerate(one["cells"][:1] * 15)]}
                            for i in range(100)]
    with open(f"{folder}/many.html", "w", encoding="utf-8") as out:
        out.write(head + json.dumps(results).replace("<", "\\u003c") + tail)
    b.open(f"file://{folder}/many.html")
    same("1500 squares", 1500, count(b, SQUARES))
    b.press("/")
    b.type("f3/")
    same("search among them", 150, count(b, SQUARES))


def quiet(b, folder):
    mine = {f"file://{folder}/{name}.html" for name in ("page", "many")}
    asked = {e["params"]["request"]["url"].split("#")[0] for e in b.events if e["method"] == "Network.requestWillBeSent"}
    same("requests", mine, {u for u in asked if not u.startswith("data:")})
    bad = [e for e in b.events if e["method"] in
           ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening")]
    same("console", [], [json.dumps(e["params"])[:300] for e in bad])


def main():
    program, folder = sys.argv[1], os.path.realpath(sys.argv[2])
    b = Chromium(program, folder)
    try:
        b.open(f"file://{folder}/page.html")
        for part in (first_sight, filters, search, one_cell, address, keys, latencies, others, hostile, themes):
            part(b)
        many(b, folder)
        quiet(b, folder)
    finally:
        b.close()
    return 1 if failures else 0


sys.exit(main())
