#!/usr/bin/env python3
"""Opens the page that `mirrorgrad study --html` writes in a headless Chromium, moves its controls and
reads its values.

How to run (Debian's packages chromium and chromium-driver):

    python3 -m venv venv && venv/bin/pip install selenium
    venv/bin/python tests/browser/page.py target/release/mirrorgrad [--shots DIR]

With --shots, screenshots are left in DIR: light, dark and narrow. Exits with 1 and says what it saw
where something is not as it should be.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from chromium import browser, expect, said
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


class Page:
    """The page in one window."""

    def __init__(self, driver, path):
        self.driver = driver
        driver.get(path.as_uri())

    def text(self, name):
        return self.driver.find_element(By.ID, name).get_attribute("textContent")

    def cells(self, name):
        return [cell.get_attribute("textContent")
                for cell in self.driver.find_elements(By.CSS_SELECTOR, f"#{name} > div")]

    def lit(self, name):
        """Which cells of a grid are lit, by number."""
        cells = self.driver.find_elements(By.CSS_SELECTOR, f"#{name} > div")
        return [i for i, cell in enumerate(cells) if "lit" in cell.get_attribute("class").split()]

    def set(self, name, value):
        self.driver.execute_script(
            "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
            "e.dispatchEvent(new Event('input', { bubbles: true }));"
            "e.dispatchEvent(new Event('change', { bubbles: true }));", name, str(value))

    def quiet(self):
        """Nothing was said on the console."""
        expect(said(self.driver), [], "console")


def check(page):
    status = page.driver.find_element(By.ID, "check")
    expect(status.get_attribute("class"), "good", "the check of the page against the kernels")
    expect(page.text("check"), "Checked: 49 of 49 geometries give the kernel's values.", "check")
    expect(page.text("about"), "A convolution of 4x4 to 2x2: C is 4x16.", "about")
    first = page.cells("matrix")[:16]
    expect(first, ["w11", "w12", "·", "·", "w21", "w22"] + 10 * ["·"], "the first row of C")

    # A position lights the four pixels it meets in the corner, and the weights between.
    position = page.driver.find_elements(By.CSS_SELECTOR, "#output > div")[0]
    ActionChains(page.driver).move_to_element(position).perform()
    expect(page.lit("input"), [0, 1, 4, 5], "pixels of the first position")
    expect(page.lit("weight"), [4, 5, 7, 8], "weights of the first position")

    # By keyboard: from the matrix's first cell to its right neighbour.
    page.driver.execute_script("document.querySelector('#matrix > div').focus()")
    expect(page.lit("input"), [0], "the pixel of the first entry")
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    expect((page.lit("input"), page.lit("weight")), ([1], [5]), "the second entry")
    expect(page.text("cell"), "w12 = 6 carries pixel 1 to position 0, and back", "the second entry in words")

    # Step by step: four columns, C x, the product, four columns added, the crop.
    page.set("step", 1)
    expect([page.cells("columns")[i * 4] for i in range(9)], list("000012056"), "the first column")
    expect(page.lit("result"), [0, 1, 4, 5], "the pixels it is made of")
    page.set("step", 5)
    expect(page.cells("result"), ["111", "217", "156", "222"], "C x")
    page.set("step", 7)
    expect(page.lit("result"), [0, 1, 2, 5, 6, 7, 10, 11, 12], "the first column, added")
    page.set("step", 11)
    want = "crop: 4x4 stay. Cᵀ y = 5 14 10 12 14 36 24 30 15 34 20 24 24 55 32 36"
    expect(page.text("step-name"), want, "the last step")

    # The transpose: as many cells, entries mirrored.
    page.driver.find_element(By.ID, "transposed").click()
    expect(page.cells("matrix")[:4], ["w11", "·", "·", "·"], "the first row of the transpose")
    page.driver.find_element(By.ID, "transposed").click()

    # A transposed convolution of 2x2 by kernel 4, stride 2: even.
    page.set("layer", "deconv")
    for axis in (0, 1):
        page.set(f"kernel-{axis}", 4)
        page.set(f"added-{axis}", 0)
    expect(page.text("about"), "A transposed convolution of 2x2 to 4x4: Cᵀ is 16x4.", "after the controls")
    expect(page.text("health"), "Even: 4 taps reach every pixel away from the border.", "health")
    expect(page.cells("heat"), list("1221244224421221".replace("", " ").split()), "the overlap")
    page.set("dilation-0", 2)
    page.set("dilation-1", 2)
    expect(page.text("health")[:5], "Dead:", "dilation equal to the stride")

    # Nonsense is refused, and what was there stays.
    page.set("kernel-0", 99)
    refused = page.driver.find_element(By.ID, "refused")
    expect((refused.is_displayed(), refused.text), (True, "kernel: expected 1 to 7"), "a kernel of 99")
    page.set("kernel-0", 4)
    expect(refused.is_displayed(), False, "after mending it")
    words = page.driver.find_elements(By.CSS_SELECTOR, "#words tr")
    expect(len(words), 8, "frameworks")
    page.quiet()


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("mirrorgrad", type=Path)
    cli.add_argument("--shots", type=Path)
    args = cli.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        study = [args.mirrorgrad, "study", "conv", "--input", "4x4", "--kernel", "3", "--stride", "2",
                 "--padding", "1", "--html", path]
        subprocess.run(study, check=True, stdout=subprocess.DEVNULL)
        driver = browser(1280, 2200)
        try:
            check(Page(driver, path))
            # A page whose values were tampered with says so.
            spoiled = path.with_name("spoiled.html")
            spoiled.write_text(path.read_text().replace('"down":[', '"down":[1', 1))
            page = Page(driver, spoiled)
            expect(page.text("check"), "This page is wrong: 1 of 49 geometries differ from the kernel's values.",
                   "a spoiled page")
            for name, width, height, scheme in (("light", 1280, 2200, "light"), ("dark", 1280, 2200, "dark"),
                                                ("narrow", 400, 3600, "light")):
                driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                       {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
                driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
                    "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
                page = Page(driver, path)
                page.set("step", 8)
                overflow = driver.execute_script(
                    "return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                expect(overflow, 0, f"{name}: pixels that stick out sideways")
                if args.shots:
                    args.shots.mkdir(parents=True, exist_ok=True)
                    driver.save_screenshot(str(args.shots / f"{name}.png"))
        finally:
            driver.quit()
    print("the page does what it says")


if __name__ == "__main__":
    main()
