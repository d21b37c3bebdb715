#!/usr/bin/env python3
"""Opens every page of the built book in a headless Chromium and follows its links.

How to run (Debian's packages chromium and chromium-driver, and mdbook):

    mdbook build docs
    python3 -m venv venv && venv/bin/pip install selenium
    venv/bin/python tests/browser/book.py target/book [--shots DIR]

Every chapter of the summary must have a page, every link inside the book a place it leads to, every picture
its pixels, and the console must stay empty. With --shots, screenshots are left in DIR. Exits with 1 and says
what it saw where something is not as it should be.
"""

import argparse
import re
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

from chromium import browser, expect, said
from selenium.webdriver.common.by import By

SUMMARY = Path(__file__).parents[2] / "docs" / "SUMMARY.md"


def chapters():
    return [name.removesuffix(".md") for name in re.findall(r"\]\((\S+\.md)\)", SUMMARY.read_text())]


def links(driver):
    """The files and anchors inside the book that the chapter's text leads to."""
    hrefs = [a.get_attribute("href") for a in driver.find_elements(By.CSS_SELECTOR, "main a[href]")]
    return {urldefrag(href) for href in hrefs if urlparse(href).scheme == "file"}


def check(driver, book, chapter):
    driver.get((book / f"{chapter}.html").resolve().as_uri())
    heading = driver.find_element(By.CSS_SELECTOR, "main h1").text
    expect(bool(heading), True, f"{chapter}: heading")
    for image in driver.find_elements(By.CSS_SELECTOR, "main img"):
        expect(driver.execute_script("return arguments[0].naturalWidth > 0", image), True,
               f"{chapter}: {image.get_attribute('src')}")
    wide = driver.execute_script(
        "return document.querySelector('main').scrollWidth > document.querySelector('main').clientWidth")
    expect(wide, False, f"{chapter}: text beyond its column")
    expect(said(driver), [], f"{chapter}: console")
    return links(driver)


def check_links(all_links):
    anchors = {}
    for page, anchor in sorted(all_links):
        path = Path(unquote(urlparse(page).path))
        expect(path.is_file(), True, f"a link to {path}")
        if path not in anchors:
            anchors[path] = set(re.findall(r'id="([^"]+)"', path.read_text())) if path.suffix == ".html" else set()
        expect(not anchor or unquote(anchor) in anchors[path], True, f"a link to {path}#{anchor}")


def shots(driver, book, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for chapter in chapters():
        driver.get((book / f"{chapter}.html").resolve().as_uri())
        driver.save_screenshot(str(folder / f"{chapter}.png"))


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("book", type=Path)
    cli.add_argument("--shots", type=Path, help="where screenshots go")
    args = cli.parse_args()
    driver = browser()
    try:
        found = [check(driver, args.book, chapter) for chapter in chapters()]
        check_links(set().union(*found))
        if args.shots:
            shots(driver, args.book, args.shots)
    finally:
        driver.quit()
    print(f"{len(found)} chapters and {sum(map(len, found))} links are as they should be")


if __name__ == "__main__":
    main()
