#!/usr/bin/env python3
"""Trains two small runs, opens the pages that `mirrorgrad report` and `mirrorgrad compare --html` write in a
headless Chromium, and reads them.

How to run (Debian's packages chromium and chromium-driver):

    python3 -m venv venv && venv/bin/pip install selenium
    venv/bin/python tests/browser/report.py target/release/mirrorgrad [--shots DIR] [--runs DIR]

With --shots, screenshots are left in DIR: light, dark, narrow and printed. With --runs, runs that are there
already are taken, and new ones are left there. Exits with 1 and says what it saw where something is not as it
should be.
"""

import argparse
import base64
import json
import subprocess
import tempfile
from pathlib import Path

from chromium import browser, expect
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

SECTIONS = ["curves", "classes", "confusion", "pictures", "kernels", "time", "environment", "configuration"]
RUNS = {"deconv": [], "bilinear": ["--upsample", "bilinear"]}


def close(got, want, within, what):
    if abs(got - want) > within:
        raise SystemExit(f"{what}: expected {want} within {within}, got {got}")


class Page:
    """A page in a window of some size and scheme."""

    def __init__(self, driver, path, width=1280, scheme="light"):
        self.driver = driver
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                               {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 600})
        driver.get_log("browser"), driver.get_log("performance")
        driver.get(path.as_uri())

    def script(self, text, *args):
        return self.driver.execute_script(text, *args)

    def table(self, name):
        """A table's rows as the text of their cells."""
        return self.script("return [...document.querySelectorAll(`#${arguments[0]} tr`)].map("
                           "row => [...row.cells].map(cell => cell.textContent.trim()))", name)

    def quiet(self, path):
        """Nothing was said on the console, and nothing but the file was asked for."""
        expect([entry["message"] for entry in self.driver.get_log("browser")], [], "console")
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = {event["params"]["request"]["url"] for event in events
                 if event["method"] == "Network.requestWillBeSent"}
        expect({url for url in asked if not url.startswith("data:")}, {path.as_uri()}, "requests")

    def fits(self, what):
        over = self.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        expect(over, 0, f"{what}: pixels that stick out sideways")
        # Text in a drawing that would be cut off, or lie on other text.
        expect(self.script("""
            const clashes = [];
            for (const svg of document.querySelectorAll(".chart svg")) {
              const names = [...svg.querySelectorAll("text.name")].map(t => [t.textContent, t.getBoundingClientRect()]);
              const right = document.documentElement.clientWidth;
              for (const [name, box] of names) if (box.right > right + 1) clashes.push(`${name} is cut off`);
              for (let i = 0; i < names.length; i++) for (let j = 0; j < i; j++) {
                const [a, b] = [names[i][1], names[j][1]];
                if (a.top < b.bottom - 4 && b.top < a.bottom - 4) clashes.push(`${names[i][0]} on ${names[j][0]}`);
              }
            }
            return clashes"""), [], f"{what}: names in curves")

    def contrast(self, what):
        """Text stands out from what is behind it (WCAG's 4.5, 3 for large text)."""
        weak = self.script("""
            const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
            const rgb = (colour) => {
              canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
              const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
              return [r, g, b, a];
            };
            const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
              .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
              .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
            const behind = (e) => {
              for (; e; e = e.parentElement) {
                const colour = rgb(getComputedStyle(e).backgroundColor);
                if (colour[3] > 250) return colour;
              }
              return [255, 255, 255];
            };
            const weak = [];
            for (const e of document.querySelectorAll("h1, h2, h3, p, td, th, dt, dd, figcaption, a, span, .tile div, text")) {
              if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
              const style = getComputedStyle(e), inSvg = e.tagName === "text";
              let back = behind(e);
              const rect = inSvg && e.closest("g")?.querySelector("rect");
              if (rect) back = rgb(getComputedStyle(rect).fill);
              const [a, b] = [light(rgb(inSvg ? style.fill : style.color)), light(back)].sort((x, y) => y - x);
              const ratio = (a + .05) / (b + .05);
              if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5))
                weak.push(`${e.textContent.trim().slice(0, 30)} (${e.className.baseVal ?? e.className}): ${ratio.toFixed(2)}`);
            }
            return [...new Set(weak)]""")
        expect(weak, [], f"{what}: text that hardly stands out")

    def shot(self, path):
        height = self.script("return document.documentElement.scrollHeight")
        width = self.script("return document.documentElement.clientWidth")
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
            "captureBeyondViewport": True, "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}})
        path.write_bytes(base64.b64decode(shot["data"]))


def check_report(page, run):
    history = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    best = max(history, key=lambda epoch: epoch["val_miou"])
    sections = page.script("return [...document.querySelectorAll('main > section')].map(s => s.id)")
    expect(sections, SECTIONS, "sections")
    links = page.script("return [...document.querySelectorAll('nav a')].filter("
                        "a => !document.querySelector(a.getAttribute('href'))).length")
    expect(links, 0, "links that lead nowhere")

    broken = page.script("return Promise.all([...document.images].map(i => i.decode().then(() => 0, () => 1)))")
    expect((len(broken), sum(broken)), (32, 0), "pictures, and those that do not decode")

    # A picture opens over the whole window, at its own size or drawn as larger squares, and closes by a key.
    expect(page.script("return document.querySelectorAll('#kernels details[open], .view:target').length"), 0,
           "what is open at first")
    for image in page.driver.find_elements(By.CSS_SELECTOR, "#card-0 .open img"):
        small = image.rect["width"]
        page.script("arguments[0].click()", image)
        box = page.script("return document.querySelector('.view:target').getBoundingClientRect().toJSON()")
        expect((box["left"], box["top"]), (0, 0), "the place of an open picture")
        expect(image.rect["width"] > max(small, image.get_property("naturalWidth") - 1), True, "an open picture is large")
        ActionChains(page.driver).send_keys(Keys.ESCAPE).perform()
        expect(image.rect["width"], small, "a closed picture is small")

    epochs = page.table("epochs")[1:]
    expect([row[3] for row in epochs], [f"{epoch['val_miou']:.4f}" for epoch in history], "mIoU by epoch")
    classes = page.table("classes-table")
    rows, mean = classes[1:-1], classes[-1]
    expect([row[1] for row in rows], [f"{iou:.4f}" for iou in best["val_iou"]], "IoU by class")
    close(sum(float(row[1]) for row in rows) / len(rows), float(mean[1]), 1e-4, "the mean of the IoUs")
    close(sum(float(row[7]) for row in rows), 1, 3e-4, "the sum of the shares")
    for row in page.table("matrix")[1:]:
        close(sum(float(cell) for cell in row[1:-1]), 100, 0.3, f"percents of {row[0]}")

    # A pointer over a curve shows the epoch's values, and takes them away again.
    svg = page.driver.find_element(By.CSS_SELECTOR, ".chart svg")
    ActionChains(page.driver).move_to_element(svg).perform()
    tip = page.driver.find_element(By.CSS_SELECTOR, ".chart .tip")
    expect((tip.is_displayed(), tip.text.split("\n")[0][:5]), (True, "epoch"), "the values under the pointer")
    ActionChains(page.driver).move_to_element(page.driver.find_element(By.TAG_NAME, "h1")).perform()
    expect(tip.is_displayed(), False, "the values, after the pointer has left")


def check_compare(page, runs):
    expect(page.script("return [...document.querySelectorAll('main > section')].map(s => s.id)"),
           ["runs", "curves", "settings", "classes"], "sections")
    expect([row[0] for row in page.table("runs-table")[1:]], list(RUNS), "runs")
    expect(page.table("settings-table")[1], ["upsample", "deconv", "bilinear"], "what differs")
    rows = page.table("iou-table")
    for column, run in enumerate(runs, 1):
        history = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        expect(rows[-1][column], f"{max(epoch['val_miou'] for epoch in history):.4f}", f"mIoU of {run.name}")


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("mirrorgrad", type=Path)
    cli.add_argument("--shots", type=Path)
    cli.add_argument("--runs", type=Path)
    args = cli.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = args.runs or Path(folder)
        runs = [place / name for name in RUNS]
        for run, options in zip(runs, RUNS.values()):
            if not run.is_dir():
                train = [args.mirrorgrad, "train", "--epochs", "2", "--widths", "8,16,32", "--out", run, *options]
                subprocess.run(train, check=True, stdout=subprocess.DEVNULL)
            subprocess.run([args.mirrorgrad, "report", run], check=True, stdout=subprocess.DEVNULL)
        compared = Path(folder) / "compare.html"
        subprocess.run([args.mirrorgrad, "compare", *runs, "--html", compared], check=True, stdout=subprocess.DEVNULL)
        pages = {"report": runs[0] / "report.html", "bilinear": runs[1] / "report.html", "compare": compared}
        driver = browser()
        try:
            for name, path in pages.items():
                path = path.absolute()
                for look, width, scheme in (("light", 1280, "light"), ("dark", 1280, "dark"), ("narrow", 390, "light")):
                    page = Page(driver, path, width, scheme)
                    if args.shots:
                        args.shots.mkdir(parents=True, exist_ok=True)
                        page.shot(args.shots / f"{name}-{look}.png")
                    page.fits(f"{name} {look}")
                    page.contrast(f"{name} {look}")
                    if name == "compare":
                        check_compare(page, runs)
                    elif width > 600:
                        check_report(page, path.parent)
                    page.quiet(path)
                if args.shots:
                    printed = driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
                    (args.shots / f"{name}.pdf").write_bytes(base64.b64decode(printed["data"]))
        finally:
            driver.quit()
    print("the pages say what the runs' files say")


if __name__ == "__main__":
    main()
