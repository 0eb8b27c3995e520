"""Draws the widget's pictures: logos from mark.svg, tour pictures from tour.html, tour.json and screenshots.

Run by hand when the art changes (`python widget/art/render.py`); the PNGs in widget/archive/images are committed, so
that building the archive needs no browser. Wants Chromium and the font PT Sans, whose letters are in the logos.
Screenshots lie in screenshots/<slide>_<locale>.png; screenshots.py takes them.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests"))

from install_browser import find  # noqa: E402

IMAGES = HERE.parent / "archive" / "images"
LOGOS = ("logo", "logo_main", "logo_medium", "logo_min", "logo_small")
TOUR_SIZE = {"width": 1188, "height": 616}
MOST_BYTES = 300 * 1024


def main() -> None:
    """Draw everything, and fail where a picture would be too heavy for amoCRM."""
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=["--no-sandbox"])
        logos(browser)
        tour(browser)
        browser.close()
    heavy = [path.name for path in IMAGES.iterdir() if path.stat().st_size > MOST_BYTES]
    if heavy:
        sys.exit(f"heavier than 300 KB: {', '.join(heavy)}")


def logos(browser: Browser) -> None:
    """Each element of logos.html becomes the picture of its name; transparent where no ground is drawn."""
    mark = (HERE / "mark.svg").read_text(encoding="utf-8")
    page = browser.new_page()
    page.set_content((HERE / "logos.html").read_text(encoding="utf-8").replace("<!-- mark -->", mark))
    for name in LOGOS:
        page.locator(f"#{name}").screenshot(path=IMAGES / f"{name}.png", omit_background=True)
    page.close()


def tour(browser: Browser) -> None:
    """One picture for each slide and locale of tour.json."""
    slides = json.loads((HERE / "tour.json").read_text(encoding="utf-8"))
    template = (HERE / "tour.html").read_text(encoding="utf-8")
    mark = (HERE / "mark.svg").read_text(encoding="utf-8")
    for locale, texts in slides.items():
        for number, slide in enumerate(texts, 1):
            page = browser.new_page(viewport=TOUR_SIZE)
            page.set_content(filled(template, slide, locale).replace("<!-- mark -->", mark))
            page.locator(f"[data-slide='{slide['slide']}']").evaluate("node => { node.hidden = false }")
            page.wait_for_function("[...document.images].every((one) => one.complete)")
            page.screenshot(path=IMAGES / f"tour_{number}_{locale}.png")
            page.close()


def filled(template: str, slide: dict[str, str], locale: str) -> str:
    """The slide's texts in place of %name%; a screenshot as an address that holds the picture itself."""
    screenshot = HERE / "screenshots" / f"{slide['slide']}_{locale}.png"
    values = {"screenshot": "data:,", "locale": locale, **slide}
    if screenshot.exists():
        values["screenshot"] = "data:image/png;base64," + base64.b64encode(screenshot.read_bytes()).decode()
    return re.sub(r"%(\w+)%", lambda match: values.get(match[1], ""), template)


if __name__ == "__main__":
    main()
