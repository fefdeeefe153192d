"""A real Chromium, driven by selenium, in the network of the test."""

import re
import shutil

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

DEADLINE_S = 40     # a loaded machine is slow; nothing waits so long by rule

# Of every element with text of its own: its contrast with what lies behind it,
# by WCAG 2.1 (relative luminance).
CONTRAST = """
const rgb = text => { const c = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  c.clearRect(0, 0, 1, 1); c.fillStyle = text; c.fillRect(0, 0, 1, 1);
  return [...c.getImageData(0, 0, 1, 1).data]; };
const light = ([r, g, b]) => { const f = v => { v /= 255;
  return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
  if (c[3] > 250) return c; } return [255, 255, 255, 255]; };
const low = [];
for (const e of document.body.querySelectorAll('*')) {
  if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility()) continue;
  if (e.closest('.unseen, .skip')) continue;
  const style = getComputedStyle(e), a = light(rgb(style.color)), b = light(behind(e));
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) low.push([e.tagName, e.className, e.textContent.slice(0, 30), ratio.toFixed(2)]);
}
return low;
"""

# What a reader of the screen would stumble over.
STRUCTURE = """
const wrong = [], ids = new Set();
for (const e of document.querySelectorAll('[id]')) {
  if (ids.has(e.id)) wrong.push('twice: #' + e.id); ids.add(e.id); }
for (const e of document.querySelectorAll('[aria-labelledby], [aria-describedby], label[for]'))
  for (const id of [e.getAttribute('aria-labelledby'), e.getAttribute('aria-describedby'), e.htmlFor]
      .filter(Boolean).join(' ').split(' '))
    if (!ids.has(id)) wrong.push('no element #' + id);
let level = 0;
for (const h of document.querySelectorAll('main h2, h1, main h3')) {
  const n = Number(h.tagName[1]); if (n > level + 1) wrong.push('heading skips: ' + h.textContent); level = n; }
for (const t of document.querySelectorAll('table')) {
  const s = t.closest('section'), right = e => e.getBoundingClientRect().right;
  if (s && t.checkVisibility() && right(t) > right(s) - 8) wrong.push('wider than its card: ' + t.caption.textContent);
  if (!t.caption) wrong.push('table without caption');
  for (const th of t.querySelectorAll('th')) if (!th.scope) wrong.push('th without scope');
}
for (const i of document.querySelectorAll('img')) if (!i.hasAttribute('alt')) wrong.push('img without alt');
for (const e of document.querySelectorAll('[tabindex]')) if (e.tabIndex > 0) wrong.push('tabindex > 0');
if (!document.documentElement.lang) wrong.push('no language');
for (const e of document.querySelectorAll('button, a[href], input')) {
  if (!e.checkVisibility() || e.closest('footer, .skip')) continue;
  const r = e.getBoundingClientRect(); if (r.height < 24 || r.width < 24) wrong.push('small: ' + e.outerHTML.slice(0, 80));
  if (e.matches('td button') && r.height > 40) wrong.push('broken word: ' + e.textContent); }
return wrong;
"""


class Browser:
    def __init__(self, folder, phone=False):
        options = Options()
        options.binary_location = shutil.which("chromium")
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu",
                     "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking",
                     "--disable-component-update", "--disable-sync",
                     "--disable-default-apps", "--hide-scrollbars",
                     f"--user-data-dir={folder}"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = Service(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(service=service, options=options)
        self.size(1280, 1000)

    def size(self, width, height, phone=False):
        self.command("Emulation.setDeviceMetricsOverride", width=width,
                     height=height, deviceScaleFactor=1, mobile=phone)

    def command(self, name, **params):
        return self.driver.execute_cdp_cmd(name, params)

    def scheme(self, word, motion="no-preference"):
        """What the system asks for: light or dark, motion or none."""
        self.command("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": word},
            {"name": "prefers-reduced-motion", "value": motion}])

    def open(self, url):
        self.driver.get(url)

    def run(self, script, *args):
        return self.driver.execute_script(script, *args)

    def until(self, what, look):
        return WebDriverWait(self.driver, DEADLINE_S, 0.1).until(
            lambda _: look(), f"no {what}:\n{self.text('body')[:2000]}")

    def find(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def text(self, css):
        return self.run("const e = document.querySelector(arguments[0]);"
                        "return e ? e.innerText : ''", css)

    def row(self, table, key):
        """The cells of a row, or None."""
        return self.run(
            "const r = [...document.getElementById(arguments[0]).rows]"
            ".find(r => r.dataset.key === arguments[1]);"
            "return r ? [...r.cells].map(c => c.innerText) : null", table, key)

    def click(self, css):
        self.find(css).click()

    def press(self, key):
        """A key as the keyboard sends it."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27}
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.command("Input.dispatchKeyEvent", type=kind, key=key,
                         code=key, windowsVirtualKeyCode=codes[key], **text)

    def focused(self):
        return self.run("const e = document.activeElement;"
                        "return e.id || e.getAttribute('aria-label') || "
                        "e.textContent")

    def complaints(self):
        """What the browser's console says: scripts that fail, policy that is
        hurt. Refused orders are what a test asked for."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] in ("SEVERE", "WARNING") and
                not re.search(r"/api/.* a status of 40[01] ",
                              entry["message"])]

    def nameless(self):
        """Roles that a reader of the screen meets without a name."""
        nodes = self.command("Accessibility.getFullAXTree")["nodes"]
        return [node["role"]["value"] for node in nodes
                if not node.get("ignored") and node["role"]["value"] in (
                    "button", "link", "textbox", "searchbox", "table",
                    "dialog", "image", "form", "region", "search")
                and not node.get("name", {}).get("value")]

    def picture(self, path):
        self.driver.save_screenshot(str(path))

    def close(self):
        self.driver.quit()
