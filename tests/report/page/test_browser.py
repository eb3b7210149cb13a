"""The report in a real browser: light, dark, on a phone, on paper."""

import base64
import io
import math
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By

from segue.report.data.summary import read_summary
from segue.report.page.page import write_report

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
WIDE = 1200
PHONE = 390
HEIGHT = 900
SECONDS = 300
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="Chromium and its driver are not installed here"
    ),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    # One root user in a container; parallel coordinates are drawn with WebGL.
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options, webdriver.ChromeService(DRIVER)) as driver:
        yield driver


@pytest.fixture(scope="module")
def page(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(read_summary(made), path)
    return path


def opened(browser: webdriver.Chrome, page: Path, width: int, scheme: str = "light") -> None:
    """Open the page and wait until its figures are drawn."""
    metrics = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(page.as_uri())
    deadline = time.monotonic() + SECONDS
    while browser.execute_script("return document.body.dataset.drawn") != "yes":
        assert time.monotonic() < deadline, browser.get_log("browser")
        time.sleep(0.1)


def pixels(browser: webdriver.Chrome) -> NDArray[Any]:
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("L"))


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_every_figure_is_drawn_without_a_complaint(
    browser: webdriver.Chrome, page: Path, width: int
) -> None:
    opened(browser, page, width)
    drawn = browser.execute_script(
        "return [...document.querySelectorAll('.figure')].map(each =>"
        " each.querySelectorAll('.main-svg').length)"
    )
    assert len(drawn) == 11 and min(drawn) > 0
    assert [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"] == []


def test_a_watched_page_loads_itself_again_and_stays_where_it_was(
    browser: webdriver.Chrome, page: Path, tmp_path: Path
) -> None:
    watched = tmp_path / "watched.html"
    watched.write_text(page.read_text().replace("<body>", '<body data-refresh="2">'))
    opened(browser, watched, WIDE)
    browser.execute_script("scrollTo(0, 700); document.body.dataset.before = 'yes'")
    deadline = time.monotonic() + SECONDS
    loaded = "return !document.body.dataset.before && document.body.dataset.drawn === 'yes'"
    while not browser.execute_script(f"{loaded} && scrollY === 700"):
        assert time.monotonic() < deadline, browser.execute_script("return scrollY")
        time.sleep(0.1)


def test_the_table_of_trials_is_sorted_filtered_and_drilled_into(
    browser: webdriver.Chrome, page: Path, tmp_path: Path
) -> None:
    watched = tmp_path / "table.html"
    watched.write_text(page.read_text().replace("<body>", '<body data-refresh="4">'))
    opened(browser, watched, WIDE)
    best_first = values(browser)
    assert len(best_first) == 16 and best_first[0] == max(best_first)
    by_metric = browser.find_element(By.CSS_SELECTOR, "#trials-table th:nth-child(2) button")
    for _ in range(2):
        by_metric.click()
    ascending = values(browser)
    known = [value for value in best_first if value > -math.inf]
    assert ascending == [*sorted(known), *[-math.inf] * (16 - len(known))]  # empty cells are last
    browser.find_element(By.CSS_SELECTOR, "#trials input").send_keys("complete lr<=3e-4")
    found = values(browser)
    assert 0 < len(found) < 9
    assert browser.find_element(By.CSS_SELECTOR, "#trials output").text == f"{len(found)} of 16"
    browser.find_element(By.CSS_SELECTOR, "#trials-table tbody button").click()
    assert_drilled_into(browser)
    browser.execute_script("document.body.dataset.before = 'yes'")
    deadline = time.monotonic() + SECONDS
    while browser.execute_script("return document.body.dataset.before === 'yes'"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    while browser.execute_script("return document.body.dataset.drawn") != "yes":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert values(browser) == found
    assert_drilled_into(browser)
    assert [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"] == []


def values(browser: webdriver.Chrome) -> list[float]:
    """The metric of each trial that the table shows; trials without one are left out."""
    cells = browser.find_elements(By.CSS_SELECTOR, "#trials-table tbody td:nth-child(2)")
    return [float(cell.text.split()[0]) if cell.text else -math.inf for cell in cells]


def assert_drilled_into(browser: webdriver.Chrome) -> None:
    chosen = browser.find_element(By.CSS_SELECTOR, "#trials-table tr.chosen button").text
    shown = browser.find_element(By.ID, "trial").text
    assert f"Trial {chosen}\n" in shown
    assert "per seed" in shown and f"trials/{int(chosen):04d}" in shown
    assert "2 stages, 1,200 steps" in shown  # of the pipeline
    drawn = "return document.querySelectorAll('#trial .curve .scatterlayer .trace').length"
    assert browser.execute_script(drawn) == 3  # the metric and two seeds


def test_only_the_page_is_requested(browser: webdriver.Chrome, page: Path) -> None:
    browser.get_log("performance")
    opened(browser, page, WIDE)
    requested = [
        entry["message"]
        for entry in browser.get_log("performance")
        if "requestWillBeSent" in entry["message"]
    ]
    assert requested and not [message for message in requested if '"url":"http' in message]


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_the_answer_is_on_the_first_screen(
    browser: webdriver.Chrome, page: Path, width: int
) -> None:
    opened(browser, page, width)
    bottom = browser.execute_script(
        "return document.querySelector('#answer').getBoundingClientRect().bottom"
    )
    warning = browser.execute_script(
        "return document.querySelector('#health li').getBoundingClientRect().top"
    )
    assert bottom < HEIGHT and warning < HEIGHT
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_dark_is_dark_and_light_is_light(browser: webdriver.Chrome, page: Path) -> None:
    opened(browser, page, WIDE, "light")
    light = pixels(browser)
    opened(browser, page, WIDE, "dark")
    dark = pixels(browser)
    assert np.median(light) > 230 and np.median(dark) < 60
    labels = browser.execute_script(
        "return [...document.querySelectorAll('.figure text')].map(each =>"
        " getComputedStyle(each).fill)"
    )
    assert "rgb(230, 232, 235)" in labels and "rgb(28, 30, 33)" not in labels


def test_on_paper_it_is_light(browser: webdriver.Chrome, page: Path) -> None:
    opened(browser, page, WIDE, "dark")
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert (
        browser.execute_script("return getComputedStyle(document.body).color") == "rgb(28, 30, 33)"
    )
    labels = browser.execute_script("return document.querySelector('#curves text').style.fill")
    assert labels == "rgb(28, 30, 33)"
