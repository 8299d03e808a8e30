"""Makes docs/report.png, the picture of a report in the README.

    python docs/picture.py RESULTS

RESULTS is the folder of a finished sweep. Needs the Python packages selenium and pillow, and Chromium. The picture in the
repository is of configs/quick.toml with the font Inter installed.
"""

import io
import pathlib
import sys
import time

from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))
from report_in_browser import Browser, wait  # noqa: E402

HERE = pathlib.Path(__file__).parent


def main(results):
    browser = Browser(1280, 1000)
    try:
        browser.open(results / "report.html")
        wait(lambda: browser.all("main canvas"), "the page is drawn")
        time.sleep(0.5)
        picture = HERE / "report.png"
        browser.picture(picture, whole=True)
        ends = browser.js(
            """const end = (selector) => document.querySelector(selector).getBoundingClientRect().bottom + scrollY;
            const start = document.querySelector('#curves').getBoundingClientRect().top + scrollY;
            return [end('.listen-first'), start, end('#curves')].map(Math.round);"""
        )
    finally:
        browser.quit()
    # The overview, and the learning curves right below it.
    whole = Image.open(io.BytesIO(picture.read_bytes())).convert("RGB")
    overview, start, end = ends
    image = Image.new("RGB", (whole.width, overview + end - start + 24))
    image.paste(whole.crop((0, 0, whole.width, overview)), (0, 0))
    image.paste(whole.crop((0, start, whole.width, end + 24)), (0, overview))
    image.save(picture, optimize=True)
    print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
