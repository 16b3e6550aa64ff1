"""A real browser for tests of pages: Debian's Chromium without a window, driven over WebDriver."""

import contextlib
import os
import shutil

import pytest
from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    StaleElementReferenceException,
    TimeoutException,
    WebDriverException,
)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

OPTIONS = [
    "--headless=new",
    "--no-sandbox",  # else not as root
    "--disable-dev-shm-usage",  # else not in a container with a small /dev/shm
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # pages must not need the world
]
WIDTH, HEIGHT, SCALE = 1680, 1250, 0.8
POLL, PATIENCE = 0.2, 120  # seconds
# The page was drawn anew at this moment.
PASSING = [ElementClickInterceptedException, StaleElementReferenceException]


def program(name):
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@contextlib.contextmanager
def browser(folder):
    """A Page, which writes into this folder alone: its profile, and screenshots of failures."""
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium")
    for option in [*OPTIONS, f"--user-data-dir={folder / 'profile'}"]:
        options.add_argument(option)
    own = {name: str(folder) for name in ("HOME", "XDG_RUNTIME_DIR", "TMPDIR")}
    service = Service(program("chromedriver"), env={**os.environ, **own})
    driver = webdriver.Chrome(options, service)
    try:
        driver.set_page_load_timeout(PATIENCE)
        yield Page(driver, folder)
    finally:
        driver.quit()


class Page:
    """What is waited for and does not come is an error that says so, with the page's text and a screenshot."""

    def __init__(self, driver, folder):
        self.driver = driver
        self.folder = folder
        self.resize(HEIGHT)

    def resize(self, height, width=WIDTH, scale=SCALE):
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def emulate(self, media="", **features):
        """A medium, and what the user prefers: prefers_color_scheme="dark"."""
        wanted = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": wanted})

    def evaluate(self, expression):
        return self.driver.execute_script(f"return {expression}")

    @property
    def complaints(self):
        """What has come to the console since it was last asked for: errors, and what the page's policy has refused."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def open(self, address):
        self.driver.get(address)

    @property
    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def wait(self, what, look, seconds=PATIENCE):
        """What look() gives, once it gives something."""
        waiting = WebDriverWait(self.driver, seconds, POLL, ignored_exceptions=PASSING)
        try:
            return waiting.until(lambda driver: look())
        except TimeoutException:
            picture = self.folder / "failure.png"
            with contextlib.suppress(WebDriverException):
                self.driver.save_screenshot(str(picture))
            where = f"{self.driver.current_url}, after {seconds} s (see {picture})"
            raise AssertionError(f"{what}: not on the page {where}:\n{self.text}") from None

    def elements(self, xpath):
        return [element for element in self.driver.find_elements(By.XPATH, xpath) if element.is_displayed()]

    def wait_for_text(self, text):
        self.wait(text, lambda: text in self.text)

    def click(self, name):
        """A button or a link that has this name and can be used."""
        xpath = f"//*[(self::button or self::a) and normalize-space()='{name}' and not(@disabled)]"
        self.wait(f"button {name}", lambda: self.on_first(xpath, lambda element: element.click()))

    def fill(self, placeholder, text):
        """The input whose placeholder begins so."""
        xpath = f"//input[starts-with(@placeholder, '{placeholder}')]"
        self.wait(f"input {placeholder}", lambda: self.on_first(xpath, lambda element: element.send_keys(text)))

    def on_first(self, xpath, act):
        """Whether there was one."""
        found = self.elements(xpath)[:1]
        for element in found:
            act(element)
        return bool(found)

    def screenshot(self, path, height=HEIGHT):
        """Of so many pixels of the page, from its top."""
        self.resize(height)
        self.wait("the end of loading", lambda: "Loading" not in self.text)
        assert self.driver.save_screenshot(str(path)), f"{path} was not written"
        self.resize(HEIGHT)
