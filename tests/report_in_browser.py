"""Tests reports in headless Chromium by using them as a reader would.

    python tests/report_in_browser.py RUNNER RESULTS [PICTURES]

RUNNER is the program, RESULTS the folder of a finished sweep of several points with samples, PICTURES a folder for
screenshots. It needs the Python package selenium, Chromium or Chrome, and its driver. It also makes small sweeps of
unusual kinds (all runs failed, one run, no sample, a single plane, windows of one step, long windows) and results of ten
thousand runs.
"""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

BROWSERS = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser", "chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
    "--autoplay-policy=user-gesture-required",
)  # fmt: skip

SMALL = """
name = "{name}"
[corpus]
{corpus}
[model]
hidden = 6
timesteps = {timesteps}
[train]
epochs = 2
learning_rate = 0.05
weight_decay = {weight_decay}
[evaluate]
pseudo_likelihood_windows = 5
windows = 50
[sample]
count = {count}
steps = 3
start = "noise"
{sweep}
"""


class Browser:
    """A browser with its own profile."""

    def __init__(self, width, height, dark=False):
        self.profile = tempfile.mkdtemp(prefix="profile-")
        options = webdriver.ChromeOptions()
        options.binary_location = next(path for path in map(shutil.which, BROWSERS) if path)
        for flag in (*FLAGS, f"--user-data-dir={self.profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = shutil.which("chromedriver")
        service = webdriver.ChromeService(driver) if driver else None
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_script_timeout(60)
        phone = width < 500
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])
        self.size = (width, height)

    def command(self, name, **arguments):
        return self.driver.execute_cdp_cmd(name, arguments)

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def open(self, page):
        self.driver.get_log("performance")
        self.driver.get(page.resolve().as_uri())
        wait(lambda: self.js("return window.chordbenchReport !== undefined"), f"{page} has drawn itself")

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def click(self, element):
        self.js("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def choose(self, section, label, value):
        """Chooses a value of a labelled list, as from the keyboard."""
        self.js(
            """const label = [...document.querySelectorAll(arguments[0] + ' label')].find((own) => own.textContent === arguments[1]);
            const select = document.getElementById(label.htmlFor);
            select.value = arguments[2];
            select.dispatchEvent(new Event('change', {bubbles: true}));""",
            section, label, value,
        )  # fmt: skip

    def picture(self, path, whole=False):
        height = self.js("return document.documentElement.scrollHeight") if whole else self.size[1]
        clip = {"x": 0, "y": 0, "width": self.size[0], "height": height, "scale": 1}
        shot = self.command("Page.captureScreenshot", captureBeyondViewport=whole, **({"clip": clip} if whole else {}))
        path.write_bytes(base64.b64decode(shot["data"]))

    def check_quiet(self, what):
        """Checks that the console is empty, no network is used, and nothing is wider than the window."""
        # It is this script that reads canvases back.
        said = (entry["message"] for entry in self.driver.get_log("browser"))
        complaints = [message for message in said if "willReadFrequently" not in message]
        check(not complaints, f"{what}: the console says {complaints}")
        messages = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        sent = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        foreign = [url for url in sent if not url.startswith(("file:", "data:", "blob:"))]
        check(not foreign, f"{what}: it asked for {foreign}")
        check(sum(url.startswith("file:") for url in sent) <= 1, f"{what}: it read other files, {sent}")
        width, inner = self.js("return [document.documentElement.scrollWidth, innerWidth]")
        check(width <= inner, f"{what}: the page is {width} pixels wide in a window of {inner}")

    def check_names(self, what):
        """Checks that every control and every picture has a name for screen readers."""
        nameless = self.js(
            """const name = (own) => own.getAttribute('aria-label') || own.textContent.trim()
              || [...(own.labels ?? [])].map((label) => label.textContent.trim()).join('');
            const controls = document.querySelectorAll('button, select, input, a[href], summary, [role=img], [tabindex="0"]');
            return [...controls].filter((own) => !name(own)).map((own) => own.outerHTML.slice(0, 120));"""
        )
        check(not nameless, f"{what}: without a name: {nameless}")

    def quit(self):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)


checks = 0


def check(condition, message):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"FAILED: {message}")


def wait(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, f"after {seconds} s not yet: {what}")
        time.sleep(0.05)


def first_cells(browser, column):
    """Returns the texts of one column of the list of runs, and its heading."""
    headings = [own.text for own in browser.all("table.runs thead th")]
    place = next(index for index, text in enumerate(headings) if text.splitlines()[:1] == [column])
    rows = browser.all("table.runs tbody tr")
    cells = [row.find_elements(By.CSS_SELECTOR, "th, td")[place].text for row in rows]
    return cells, browser.all("table.runs thead th")[place]


def numbers(cells):
    return [float(text.replace("\u2212", "-").replace(",", "")) for text in cells if text != "–"]


def use_table(browser, runs):
    check(len(browser.all("table.runs tbody tr")) == min(runs, 25), "the list shows its first page")
    for expected, order in (("ascending", 1), ("descending", -1)):
        _, heading = first_cells(browser, "music distance")
        browser.click(heading.find_element(By.TAG_NAME, "button"))
        cells, heading = first_cells(browser, "music distance")
        values = numbers(cells)
        check(heading.get_attribute("aria-sort") == expected, f"the heading says {expected}")
        check(values == sorted(values, key=lambda value: order * value), f"{expected}: {values}")
        check(len(set(values)) > 1, "there is something to sort")
    # The heading has kept the focus, and a third press on the keyboard restores the order.
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    check(first_cells(browser, "music distance")[1].get_attribute("aria-sort") == "none", "the third press unsorts")

    box = browser.find("#runs input[type=search]")
    shown = lambda: browser.find("#runs .count").text  # noqa: E731
    for text, wanted in (
        ("hidden=50", lambda run: run["hidden"] == 50),
        ("hidden=50 k>1", lambda run: run["hidden"] == 50 and run["k"] > 1),
        ("status=failed", lambda run: False),
    ):
        box.clear()
        box.send_keys(text)
        expected = browser.js(
            """const {report} = chordbenchReport;
            return report.runs.id.map((_, run) => Object.fromEntries(report.axes.map((axis, index) =>
              [axis.label, axis.values[report.points[report.runs.point[run]][index]]])));"""
        )
        count = sum(bool(wanted(run)) for run in expected)
        wait(lambda: shown().startswith(f"{count} of {runs}"), f"filter {text}: {count} of {runs}, not {shown()}")
    box.clear()
    box.send_keys("nosuchkey=1")
    wait(lambda: "nosuchkey" in shown(), "an unknown name is reported")
    box.clear()
    box.send_keys(Keys.SPACE, Keys.BACKSPACE)
    wait(lambda: shown() == f"{runs} of {runs} runs.", "the filter is empty again")
    opener = browser.find("table.runs tbody .opener button")
    browser.click(opener)
    check("digest" in browser.find("table.runs .details").text, "details of a run")
    check(browser.find("table.runs tbody .opener button").get_attribute("aria-expanded") == "true", "expanded")


def use_charts(browser):
    before = browser.find("#curves .chart > svg").get_attribute("outerHTML")
    browser.choose("#curves", "Metric", "train_reconstruction_error")
    after = browser.find("#curves .chart > svg")
    check(after.get_attribute("outerHTML") != before, "another metric, another chart")
    check("reconstruction" in after.get_attribute("aria-label").lower(), "the chart names its metric")
    check("not a measure of quality" in browser.find("#curves .hint").text, "the caveat is beside the metric")
    log = browser.find("#curves input[value=log]")
    browser.js("arguments[0].click()", log)
    check("log axis" in browser.find("#curves .chart > svg").text, "the axis says that it is logarithmic")
    for view, selector in (("heatmap", "#sweep table.heatmap td"), ("parallel", "#sweep .strand")):
        browser.js("document.querySelector(arguments[0]).click()", f"#sweep input[value={view}]")
        wait(lambda: len(browser.all(selector)) > 1, f"{view} is drawn")
    browser.choose("#sweep", "Metric", "sample_distance")
    check(len(browser.all("#sweep .strand")) > 1, "another metric in parallel coordinates")
    painted = browser.js(
        """return [...document.querySelectorAll('#listen canvas, #units canvas')].map((own) => {
          const {data} = own.getContext('2d').getImageData(0, 0, own.width, own.height);
          const seen = new Set();
          for (let i = 0; i < data.length; i += 4) seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
          return seen.size;
        });"""
    )
    check(painted and min(painted) > 3, f"every roll is painted: {painted}")


RMS = """
const {player} = chordbenchReport;
const samples = new Float32Array(player.analyser.fftSize);
player.analyser.getFloatTimeDomainData(samples);
return Math.sqrt(samples.reduce((sum, own) => sum + own * own, 0) / samples.length);
"""


def use_player(browser):
    player = lambda what: browser.js(f"return chordbenchReport.player.{what}")  # noqa: E731
    sound = browser.driver.execute_async_script(
        """const done = arguments[arguments.length - 1];
        const {piecesOf, renderOffline, report} = chordbenchReport;
        const own = piecesOf(report.rolls.runs[0].run).samples.map((own) => own.piece).find((own) => own.notes.length);
        const silence = {...own, notes: []};
        Promise.all([renderOffline(own, 120), renderOffline(own, 240), renderOffline(silence, 120)]).then(done);"""
    )
    own, faster, silence = sound
    check(own["rms"] > 0.01 and own["peak"] < 1.2, f"a sample sounds and does not clip: {own}")
    check(faster["seconds"] < own["seconds"], "twice the tempo takes less time")
    check(silence["rms"] == 0, f"without notes nothing sounds: {silence}")

    check(not browser.find("#dock").is_displayed(), "no player before anything plays")
    # The samples repeat, since on a slow machine they would end before all is checked.
    browser.js("chordbenchReport.player.setRepeat(true)")
    browser.click(browser.find("#listen .buttons button"))
    wait(lambda: player("playing") and player("position") > 0.2, "samples play")
    check(player("queue.length") > 1, "all samples are in the queue")
    wait(lambda: browser.js(RMS) > 1e-4, "the loudspeakers get a signal")
    check(browser.find("#dock").is_displayed(), "the player shows")
    heads = lambda: browser.all("#listen .playhead:not([hidden])")  # noqa: E731
    wait(lambda: len(heads()) == 1, "one playhead shows where the music is")
    place = heads()[0].get_attribute("style")
    wait(lambda: not heads() or heads()[0].get_attribute("style") != place, "the playhead moves")

    browser.click(browser.find("#dock [aria-label=Pause]"))
    check(not player("playing"), "paused")
    time.sleep(0.4)
    check(browser.js(RMS) < 1e-3, "silence when paused")
    browser.js("chordbenchReport.player.skip(0)")
    slider = lambda label: browser.js(  # noqa: E731
        """const label = [...document.querySelectorAll('#dock label')].find((own) => own.textContent === arguments[0]);
        return document.getElementById(label.htmlFor);""", label)
    slide = lambda label, value: browser.js(  # noqa: E731
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))", slider(label), value)
    slide("Position", 3)
    check(abs(player("position") - 3) < 1e-6, f"sought to step 3: {player('position')}")
    slide("Tempo", 240)
    check(player("tempo") == 240, "another tempo")
    slide("Volume", 0.25)
    check(abs(player("volume") - 0.25) < 1e-6, "another volume")
    index = player("index")
    browser.click(browser.find("#dock [aria-label=Next]"))
    check(player("index") == index + 1, "the next sample")
    browser.click(browser.find("#dock [aria-label=Play]"))
    wait(lambda: player("index") > index + 1, "one sample follows the other")
    # A single piece plays, then ends.
    browser.js("chordbenchReport.player.setRepeat(false)")
    browser.click(browser.find("#listen .below button"))
    wait(lambda: player("playing"), "the nearest training window plays")
    wait(lambda: not player("playing"), "it ends")
    browser.click(browser.find("#dock .close"))
    check(not browser.find("#dock").is_displayed(), "the player closes")


def use_theme(browser):
    ground = lambda: browser.js("return getComputedStyle(document.body).backgroundColor")  # noqa: E731
    pixel = lambda: browser.js(  # noqa: E731
        "const own = document.querySelector('#listen canvas'); return [...own.getContext('2d').getImageData(own.width - 2, 2, 1, 1).data]")
    light, drawn = ground(), pixel()
    browser.click(browser.find("#theme"))
    check(ground() != light and pixel() != drawn, "the theme changes page and rolls")
    check("light" in browser.find("#theme").get_attribute("aria-label"), "the button says what it does next")
    browser.click(browser.find("#theme"))
    check(ground() == light and pixel() == drawn, "and back")


def check_values(browser, what):
    """Checks that the values of axes are shown in full: the first of three rates is 0.005, not 0.01."""
    ticks = browser.js("return [...document.querySelectorAll('#sweep .tick')].map((own) => own.textContent)")
    missing = {"0.005", "0.05", "0.5", "0.00025", "0.0005"} - set(ticks)
    check(not missing, f"{what}: {missing} are not among the ticks {ticks}")


def check_phone(browser, what):
    """Checks that no text of a chart is cut off, and that the headings of the runs have no empty band above them."""
    cut = browser.js(
        """return [...document.querySelectorAll('.chart text')].filter((text) => {
          const [own, all] = [text, text.closest('svg')].map((node) => node.getBoundingClientRect());
          return own.left < all.left - 1 || own.right > all.right + 1;
        }).map((text) => text.textContent);"""
    )
    check(not cut, f"{what}: cut off: {cut}")
    height = browser.js("return document.querySelector('table.runs thead')?.getBoundingClientRect().height ?? 0")
    check(height < 80, f"{what}: the headings of the runs are {height} pixels high")


def awkward(runner, folder):
    """Makes sweeps of unusual kinds. Yields the name, the page, and words that the page must have."""
    usual = {"corpus": "", "timesteps": 6, "weight_decay": 0.0, "count": 3, "sweep": ""}
    hold = 'planes = ["hold"]\nlowest_pitch = 21\nhighest_pitch = 109'
    kinds = {
        "single": ({}, "No key varies in this sweep"),
        "failed": ({"weight_decay": 1000.0, "sweep": '[sweep.grid]\n"train.k" = [1, 2]'}, "No run ended well"),
        "silent": ({"count": 0}, "No run has samples"),
        "one-step": ({"timesteps": 1, "corpus": hold, "count": 12}, "joined end to end"),
        "long": ({"timesteps": 280, "corpus": "steps_per_beat = 8"}, "Of 280 steps the first 256 are shown"),
        "values": ({"sweep": '[sweep.grid]\n"train.learning_rate" = [0.005, 0.05, 0.5]\n'
                             '"train.weight_decay" = [0.00025, 0.0005]\n'}, "0.00025"),
        "random": ({"sweep": '[sweep.random]\ncount = 30\n"train.learning_rate" = { log-uniform = [1e-4, 0.1] }\n'
                             '"model.hidden" = { uniform = [2, 12] }\n[replicates]\ncount = 2'}, "2 replicates each"),
    }  # fmt: skip
    for name, (changes, words) in kinds.items():
        config = folder / f"{name}.toml"
        config.write_text(SMALL.format(**{**usual, **changes, "name": name}))
        done = subprocess.run([runner, "--config", config, "--out", folder, "--quiet"], check=False)
        check(done.returncode == (1 if name == "failed" else 0), f"sweep {name} ended with {done.returncode}")
        yield name, folder / name / "report.html", words
    # Results with only a plan.
    planned = folder / "planned"
    planned.mkdir()
    shutil.copy(folder / "single" / "plan.json", planned)
    subprocess.run([runner, "report", planned, "--quiet"], check=True)
    yield "planned", planned / "report.html", "No run is complete yet"


def many(runner, results, folder, count=10_000):
    """Makes results of thousands of runs from the records of a few, and returns the page."""
    plan = json.loads((results / "plan.json").read_text())
    records = [(results / "runs" / run["run_id"] / "result.json").read_text() for run in plan["runs"]]
    own = folder / "many"
    runs = []
    for index in range(count):
        run = dict(plan["runs"][index % len(records)])
        record = records[index % len(records)].replace(run["run_id"], f"{index:012x}")
        rate = 0.001 + index * 1e-6
        run.update(index=index, run_id=f"{index:012x}", point=index)
        run["swept"] = {**run["swept"], "train.learning_rate": rate}
        place = own / "runs" / run["run_id"]
        place.mkdir(parents=True)
        (place / "result.json").write_text(record)
        runs.append(run)
    (own / "plan.json").write_text(json.dumps({**plan, "runs": runs}))
    start = time.monotonic()
    subprocess.run([runner, "report", own, "--quiet"], check=True)
    print(f"  a report of {count} runs took {time.monotonic() - start:.1f} s")
    return own / "report.html"


def use_many(browser, count):
    """Sorts and filters ten thousand runs, and prints the time."""
    rows = len(browser.all("table.runs tbody tr"))
    check(rows == 25, f"{rows} of {count} rows are drawn")
    start = time.monotonic()
    browser.click(browser.find("table.runs thead th[aria-sort] button"))
    box = browser.find("#runs input[type=search]")
    box.send_keys("hidden=50 learning_rate<0.005")
    wait(lambda: not browser.find("#runs .count").text.startswith(f"{count:,} of"), "the filter works")
    browser.choose("#runs", "Rows", "500")
    check(len(browser.all("table.runs tbody tr")) == 500, "500 rows a page")
    print(f"  sorting, filtering and drawing 500 of {count} runs took {time.monotonic() - start:.1f} s")


def main(runner, results, pictures):
    pictures.mkdir(parents=True, exist_ok=True)
    page = results / "report.html"
    runs = len(json.loads((results / "plan.json").read_text())["runs"])
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for name, size, dark in (("light", (1280, 900), False), ("dark", (1280, 900), True), ("phone", (360, 740), False)):
            browser = Browser(*size, dark)
            try:
                browser.open(page)
                time.sleep(0.5)
                browser.picture(pictures / f"{name}.png")
                browser.picture(pictures / f"{name}-whole.png", whole=True)
                browser.check_names(name)
                browser.check_quiet(name)
                if name == "phone":
                    check_phone(browser, name)
                if name == "light":
                    use_table(browser, runs)
                    use_charts(browser)
                    use_player(browser)
                    use_theme(browser)
                    browser.check_names("after use")
                    browser.check_quiet("after use")
            finally:
                browser.quit()
        for size in ((1280, 900), (360, 740)):
            browser = Browser(*size)
            try:
                reports = awkward(runner, folder) if size[0] > 500 else [(own.parent.name, own, "") for own in folder.glob("*/report.html")]
                for name, own, words in reports:
                    browser.open(own)
                    text = browser.js("return document.getElementById('report').textContent")
                    check(words in text, f"{name}: {words!r} is missing")
                    check("could not be drawn" not in text, f"{name}: a part is missing")
                    time.sleep(0.2)
                    browser.picture(pictures / f"{name}-{size[0]}.png", whole=True)
                    browser.check_names(name)
                    browser.check_quiet(f"{name} at {size[0]} pixels")
                    if name == "values":
                        check_values(browser, f"{name} at {size[0]} pixels")
                    if size[0] < 500:
                        check_phone(browser, f"{name} at {size[0]} pixels")
            finally:
                browser.quit()
        browser = Browser(1280, 900)
        try:
            browser.open(many(runner, results, folder))
            use_many(browser, 10_000)
            browser.check_quiet("ten thousand runs")
        finally:
            browser.quit()
    print(f"The report holds: {checks} checks, pictures in {pictures}.")


if __name__ == "__main__":
    if not any(map(shutil.which, BROWSERS)):
        sys.exit("no Chromium or Chrome is installed")
    os.environ.setdefault("SE_OFFLINE", "true")
    arguments = [pathlib.Path(argument) for argument in sys.argv[1:]]
    main(arguments[0], arguments[1], arguments[2] if len(arguments) > 2 else pathlib.Path("target/report"))
