"""Pictures of what people see, for the documents: a page → a browser without a window → docs/pictures/NAME.png.

The pages are golden files, so a picture shows what is really sent. `make pictures` takes them anew where Chromium is
there, `python -m dev.pictures NAME …` some of them; look at what comes out before it is committed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev import png, slack_pages

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "pictures"
GOLDEN = ROOT / "tests" / "golden"
LARGEST_BYTES = 150_000
TALLEST = 3000
SCALE = 2
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True, slots=True)
class Picture:
    """A page and how wide the window is, in pixels of CSS; `is_dark` is what somebody has set who likes it so."""

    html: Callable[[], str]
    width: int
    is_dark: bool = False


def golden(name: str) -> Callable[[], str]:
    return lambda: (GOLDEN / name).read_text(encoding="utf-8")


def slack(name: str, *, replies: int = 0) -> Callable[[], str]:
    return lambda: slack_pages.of_golden(GOLDEN / "slack" / name, replies=replies)


PICTURES: Mapping[str, Picture] = {
    "slack-firing": Picture(slack("incident_new.json"), 780),
    "slack-acknowledged": Picture(slack("incident_acknowledged.json", replies=1), 780),
    "slack-resolved": Picture(slack("incident_over.json", replies=2), 780),
    "email": Picture(golden("email/linked.html"), 680),
    "email-phone": Picture(golden("email/linked.html"), 390),
    "link-phone": Picture(golden("web/link.html"), 390),
    "link-phone-dark": Picture(golden("web/link.html"), 390, is_dark=True),
}


def take(picture: Picture, browser: str) -> bytes:
    """Return a picture of a page as far as it goes."""
    with tempfile.TemporaryDirectory() as folder:
        page, taken = Path(folder) / "page.html", Path(folder) / "taken.png"
        page.write_text(picture.html(), encoding="utf-8")
        options = [
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}/user"),
            f"--blink-settings=preferredColorScheme={0 if picture.is_dark else 1}",
            *(f"--force-device-scale-factor={SCALE}", f"--window-size={picture.width},{TALLEST}"),
            f"--screenshot={taken}",
        ]
        subprocess.run([browser, *options, page.as_uri()], check=True, capture_output=True, timeout=120)
        return png.write(png.trimmed(png.read(taken.read_bytes()), margin=20 * SCALE))


def find_browser() -> str:
    """Return the browser on this machine, empty where there is none."""
    return next((found for name in _BROWSERS if (found := shutil.which(name))), "")


def main(names: Sequence[str]) -> int:
    browser = os.environ.get("CHROMIUM_BIN") or find_browser()
    if not browser:
        print("no Chromium on this machine: set CHROMIUM_BIN")
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    is_well = True
    for name in names or PICTURES:
        content = take(PICTURES[name], browser)
        (FOLDER / f"{name}.png").write_bytes(content)
        is_well &= len(content) <= LARGEST_BYTES
        print(f"docs/pictures/{name}.png: {len(content):,} bytes")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
