"""Makes docs/report.png, the picture of a report in the README.

    python docs/picture.py RESULTS

RESULTS is the folder of a finished sweep. Needs the Python packages selenium and pillow, and Chromium. The picture in the
repository is of configs/quick.toml with the font Inter installed.
"""

import io
import pathlib
import sys

from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))
from report_in_browser import Browser, wait  # noqa: E402

HERE = pathlib.Path(__file__).parent


def main(results):
    browser = Browser(1280, 1240)
    try:
        browser.open(results / "report.html")
        wait(lambda: browser.all("main canvas"), "the page is drawn")
        picture = HERE / "report.png"
        browser.picture(picture)
    finally:
        browser.quit()
    image = Image.open(io.BytesIO(picture.read_bytes())).convert("RGB")
    image.quantize(128, dither=Image.Dither.NONE).save(picture, optimize=True)
    print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
