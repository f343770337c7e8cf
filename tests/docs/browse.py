"""Looks at the site in headless Chromium, as people do: in a wide and in a narrow window, without scripts, by keyboard.

FASTPAR_DOCS is the folder of the site, FASTPAR_DOCS_PATH where it is on its server. Where FASTPAR_DOCS_PICTURES names a folder, pictures of
pages are left there.
"""

import functools
import http.server
import os
import shutil
import threading
import unittest

from playwright.sync_api import sync_playwright

SITE = os.environ["FASTPAR_DOCS"]
BASE = os.environ.get("FASTPAR_DOCS_PATH", "/")
PICTURES = os.environ.get("FASTPAR_DOCS_PICTURES")

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

#: Milliseconds that only something that hangs takes.
LIMIT = 120_000


class Handler(http.server.SimpleHTTPRequestHandler):
    """The site below BASE, with its own page for what is not found."""

    def translate_path(self, path):
        if not path.startswith(BASE):
            return os.path.join(SITE, "nothing")
        return super().translate_path("/" + path[len(BASE) :])

    def send_error(self, code, message=None, explain=None):
        with open(os.path.join(SITE, "404.html"), "rb") as file:
            page = file.read()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_):
        pass


def pages():
    """Those that are written by hand, and of each reference the first page, one more and the longest."""
    found = [name for name in sorted(os.listdir(SITE)) if name.endswith(".html")]
    found += [f"guide/{name}" for name in sorted(os.listdir(os.path.join(SITE, "guide")))]
    for language in ("c", "cpp", "csharp", "python"):
        folder = os.path.join(SITE, "api", language)
        files = sorted(os.listdir(folder), key=lambda name: os.path.getsize(os.path.join(folder, name)))
        found += [f"api/{language}/{name}" for name in sorted({"index.html", files[0], files[-1]})]
    return [name for name in found if name not in ("404.html", "genindex.html", "search.html")]


class Browsing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        handler = functools.partial(Handler, directory=SITE)
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        cls.serving = threading.Thread(target=cls.server.serve_forever)
        cls.serving.start()
        cls.address = f"http://127.0.0.1:{cls.server.server_address[1]}{BASE}"
        cls.driver = sync_playwright().start()
        # The sandbox wants a user that is not root; what is opened is this site.
        cls.browser = cls.driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.driver.stop()
        cls.server.shutdown()
        cls.serving.join()
        cls.server.server_close()

    def open(self, size, **options):
        """A window of that size; what goes wrong in it is in `self.troubles`."""
        context = self.browser.new_context(viewport=size, **options)
        self.addCleanup(context.close)
        context.set_default_timeout(LIMIT)
        page = context.new_page()
        self.troubles = troubles = []
        page.on("console", lambda message: message.type == "error" and troubles.append(f"{page.url}: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(f"{page.url}: {error}"))
        # What is still loading when the page is left is aborted; what is not there is an error of the
        # console.
        page.on(
            "requestfailed",
            lambda request: request.failure == "net::ERR_ABORTED" or troubles.append(f"{page.url}: {request.url} failed"),
        )
        page.on("request", lambda request: request.url.startswith(self.address) or troubles.append(f"{page.url} loads {request.url}"))
        return page

    def look(self, size, name):
        page = self.open(size)
        wrong = []
        for path in pages():
            page.goto(self.address + path)
            width, content, heading, broken = page.evaluate(
                """() => [document.documentElement.clientWidth, document.documentElement.scrollWidth,
                          document.querySelector("article h1, main h1")?.innerText ?? "",
                          [...document.images].filter(image => image.complete && !image.naturalWidth).map(image => image.src)]"""
            )
            if content > width:
                wrong.append(f"{path} is {content} wide in a window of {width}")
            if not heading.strip():
                wrong.append(f"{path} has no heading")
            wrong += [f"{path}: {image} is no picture" for image in broken]
            if PICTURES:
                page.screenshot(path=os.path.join(PICTURES, f"{name}-{path.replace('/', '-')[:-5]}.png"))
        self.assertEqual(wrong + self.troubles, [])

    def test_desktop(self):
        """Wide: nothing sticks out, nothing is missing, no error in the console, and nothing comes from elsewhere."""
        self.look(DESKTOP, "desktop")

    def test_phone(self):
        """The same in a narrow window."""
        self.look(PHONE, "phone")

    def test_menu_of_a_phone(self):
        """On a narrow window the navigation is behind a button."""
        page = self.open(PHONE)
        page.goto(self.address + "index.html")
        link = page.locator(".sidebar-tree a", has_text="Installing").first
        self.assertFalse(link.evaluate("link => link.getBoundingClientRect().left >= 0"))
        page.locator(".mobile-header label[for=__navigation]").click()
        link.click()
        page.wait_for_url("**/guide/installing.html")
        self.assertEqual(self.troubles, [])

    def search(self, size, what):
        page = self.open(size)
        page.goto(f"{self.address}search.html?q={what}")
        first = page.locator("#search-results ul.search li a").first
        first.wait_for()
        found = [link.get_attribute("href") for link in page.locator("#search-results ul.search li > a").all()]
        self.assertEqual(self.troubles, [])
        return page, found

    def test_search(self):
        """The search finds a function in the reference, words in the guide, and nothing where there is nothing."""
        page, found = self.search(DESKTOP, "fastpar_archive_for")
        self.assertTrue(any(link.startswith("api/c/scans.html") for link in found), found)
        page.locator('#search-results a[href^="api/c/scans.html"]').first.click()
        page.wait_for_url("**/api/c/scans.html*")
        for what, where in (
            ("parallel_for", "api/cpp/loops.html"),
            ("for_slices", "api/python/"),
            ("FastparLoop", "api/csharp/"),
            ("schedules", "guide/schedules.html"),
        ):
            _, found = self.search(PHONE, what)
            self.assertTrue(any(link.startswith(where) for link in found), (what, found))
        page = self.open(DESKTOP)
        page.goto(self.address + "search.html?q=xyzzyplugh")
        page.get_by_text("did not match any documents").wait_for()

    def test_without_scripts(self):
        """Pages are read, and gone through, without scripts."""
        page = self.open(DESKTOP, java_script_enabled=False)
        page.goto(self.address + "index.html")
        page.locator(".sidebar-tree a", has_text="Frames").first.click()
        self.assertIn("/guide/frames.html", page.url)
        self.assertIn("readers skip", page.locator("article").inner_text())
        page.goto(self.address + "api/c/index.html")
        page.get_by_role("link", name="fastpar_for", exact=True).click()
        self.assertIn("/api/c/loops.html#", page.url)
        self.assertTrue(page.locator("article pre").first.is_visible())
        if PICTURES:
            page.screenshot(path=os.path.join(PICTURES, "without-scripts.png"))

    def test_keyboard(self):
        """The first key leads past the navigation; where the keyboard is can be seen."""
        page = self.open(DESKTOP)
        page.goto(self.address + "guide/schedules.html")
        page.keyboard.press("Tab")
        self.assertEqual(page.evaluate("document.activeElement.innerText"), "Skip to content")
        # It slides in.
        page.wait_for_function("document.activeElement.getBoundingClientRect().top >= 0")
        page.keyboard.press("Enter")
        self.assertTrue(page.url.endswith("#furo-main-content"))
        seen = []
        for _ in range(12):
            page.keyboard.press("Tab")
            seen.append(
                page.evaluate(
                    """() => { const at = document.activeElement, style = getComputedStyle(at);
                               return [at.tagName, style.outlineStyle != "none" && parseFloat(style.outlineWidth) > 0]; }"""
                )
            )
        self.assertIn("A", [name for name, _ in seen])
        self.assertEqual([name for name, visible in seen if not visible and name != "BODY"], [])
        if PICTURES:
            page.screenshot(path=os.path.join(PICTURES, "keyboard.png"))

    def test_not_found(self):
        """What is not there has a page that leads back, from any depth."""
        page = self.open(DESKTOP)
        answer = page.goto(self.address + "guide/no/such/page")
        self.assertEqual(answer.status, 404)
        self.assertEqual(page.locator("article h1").first.inner_text().rstrip("#¶"), "There is no such page")
        # It has its style: the browser's own has another font.
        self.assertGreater(page.evaluate("document.styleSheets.length"), 1)
        page.locator("article a", has_text="The first page").click()
        page.wait_for_url("**/index.html")
        # The page itself was not found, which the console tells.
        self.assertEqual([trouble for trouble in self.troubles if "404" not in trouble], [])


if __name__ == "__main__":
    unittest.main()
