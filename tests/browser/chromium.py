"""What the browser tests share: a headless Chromium, and expectations that end a test."""

from selenium import webdriver


def browser(width=1280, height=1000):
    """Debian's Chromium, silent but for its pages: their consoles and requests are kept."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 "--hide-scrollbars", f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))


def said(driver):
    """What pages have said on the console since the last call."""
    return [entry["message"] for entry in driver.get_log("browser")]


def expect(got, want, what):
    if got != want:
        raise SystemExit(f"{what}: expected {want!r}, got {got!r}")
