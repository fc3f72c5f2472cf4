"""The site is built without a warning, and works in a browser, offline."""

import functools
import html
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urljoin, urlparse

import nbformat
import pytest

import aezoo
from benchmarks import report

pytestmark = pytest.mark.one_backend
pytest.importorskip("sphinx", reason="the site is built with the extra `dev`")

ROOT = Path(__file__).parents[1]
SITE = ROOT / "build" / "site"
SHOTS = ROOT / "build" / "screenshots"
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
LINK = re.compile(r'<(?:a|link|img|script)\b[^>]*?\b(?:href|src)="([^"]*)"')


@pytest.fixture(scope="session")
def site():
    """Build the site, and return its pages."""
    result = subprocess.run(
        [sys.executable, "site/build.py", "--output", str(SITE)],
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return sorted(SITE.rglob("*.html"))


@pytest.fixture(scope="session")
def browser():
    """Start the system's Chromium."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = "--no-sandbox --disable-background-networking --disable-sync"
        options += " --disable-component-update --no-first-run"
        yield playwright.chromium.launch(executable_path=path, args=options.split())


@pytest.fixture(scope="session")
def server(site):
    """Serve the site in a subfolder; return its address."""
    handler = functools.partial(QuietHandler, directory=SITE.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/site/"
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Watched:
    """A tab that notes errors and requests."""

    def __init__(self, browser, width=1280, **options):
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, **options
        )
        self.tab = self.context.new_page()
        self.noted = []
        self.requests = []
        self.tab.on("console", self._console)
        self.tab.on("pageerror", lambda error: self.noted.append(str(error)))
        self.tab.on("requestfailed", self._failed)
        self.tab.on("request", lambda request: self.requests.append(request.url))

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.noted.append(message.text)

    def _failed(self, request):
        if "ERR_ABORTED" not in request.failure:  # by going on to the next page
            self.noted.append(f"{request.failure} {request.url}")

    def open(self, address):
        self.tab.goto(address)
        self.tab.evaluate("window.MathJax?.startup?.promise")
        return self.tab


def test_all_pages_open_from_files_without_error_or_request(site, browser):
    assert len(site) > 60
    watched = Watched(browser)
    for page in site:
        tab = watched.open(page.as_uri())
        assert watched.noted == [], page
        assert {urlparse(r).scheme for r in watched.requests} <= {"file", "data"}, page
        found = tab.evaluate(
            """() => ({
              lang: document.documentElement.lang,
              titles: document.querySelectorAll("h1").length,
              broken: [...document.images].filter(i => !i.naturalWidth).length,
              silent: [...document.images].filter(i => i.alt.trim().length < 9).length,
              formulas: document.querySelectorAll("div.math, span.math").length,
              drawn: document.querySelectorAll("mjx-container svg").length,
              spoken: document.querySelectorAll("mjx-assistive-mml").length,
              errors: document.querySelectorAll("mjx-merror").length,
            })"""
        )
        assert found["lang"] == "en", page
        assert found["titles"] == 1 or page.name == "search.html", page
        assert found["broken"] == found["silent"] == found["errors"] == 0, page
        assert found["drawn"] >= found["formulas"] <= found["spoken"], page


def test_links_and_anchors_lead_somewhere(site):
    text = {page: page.read_text() for page in site}
    anchors = {p: set(re.findall(r'\bid="([^"]+)"', text[p])) for p in site}
    checked = 0
    for page in site:
        for link in map(html.unescape, LINK.findall(text[page])):
            target = urlparse(urljoin(page.as_uri(), link))
            if target.scheme != "file":
                assert target.scheme in ("https", "mailto", "data"), (page, link)
                continue
            path = Path(unquote(target.path))
            assert path.is_file(), (page, link)
            if target.fragment and path in anchors:
                assert unquote(target.fragment) in anchors[path], (page, link)
            checked += 1
    assert checked > 1000


@pytest.mark.parametrize("where", ["files", "server"])
def test_search_finds_the_kl_divergence(site, browser, server, where):
    start = f"{SITE.as_uri()}/" if where == "files" else server
    watched = Watched(browser)
    tab = watched.open(f"{start}index.html")
    tab.fill("input[name=q]", "KL divergence")
    tab.keyboard.press("Enter")
    result = tab.locator("#search-results").get_by_role("link", name="9. Variational")
    result.first.click()
    tab.get_by_role("heading", name="9. Variational autoencoders").wait_for()
    assert watched.noted == []
    hosts = {urlparse(request).hostname for request in watched.requests}
    assert hosts <= {None, "127.0.0.1"}


@pytest.mark.parametrize("where", ["files", "server"])
def test_the_button_copies_the_file(site, browser, server, where):
    start = f"{SITE.as_uri()}/" if where == "files" else server
    watched = Watched(browser, permissions=["clipboard-read", "clipboard-write"])
    tab = watched.open(f"{start}aezoo/linear.html")
    button = tab.get_by_role("button", name="Copy this file")
    button.focus()
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Copied").wait_for()
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied == (ROOT / "aezoo" / "linear.py").read_text()
    button.wait_for()  # it says again what it does
    assert watched.noted == []


@pytest.mark.parametrize("width", [1280, 400])
def test_pages_fit_and_are_shown(site, browser, width):
    SHOTS.mkdir(exist_ok=True)
    for scheme in ("light", "dark"):
        watched = Watched(browser, width=width, color_scheme=scheme)
        for name in (
            "index",
            "README",
            "notebooks/index",
            "notebooks/06_contractive",
            "notebooks/solutions/06_contractive",
            "notebooks/assignments/1_linear",
            "aezoo/contractive",
            "aezoo/presets/index",
            "aezoo/presets/variational_mnist",
            "benchmarks/README",
            "site/when_it_goes_wrong",
        ):
            tab = watched.open((SITE / f"{name}.html").as_uri())
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, name
            light = tab.evaluate(
                "getComputedStyle(document.body).backgroundColor.match(/\\d+/g)"
            )
            assert (sum(map(int, light[:3])) > 382) == (scheme == "light")
            shot = SHOTS / f"{name.replace('/', '_')}-{width}-{scheme}.png"
            tab.screenshot(path=shot)


def test_a_visitor_finds_what_contractive_is_its_number_file_and_weights(site, browser):
    watched = Watched(browser)
    tab = watched.open((SITE / "index.html").as_uri())
    tab.get_by_role("link", name="Contractive", exact=True).first.click()
    content = tab.locator("article")
    assert "squared size of the code" in content.inner_text()
    number = next(r for r in report.load() if r["name"] == "contractive")
    assert report.measured(number) in content.inner_text()
    assert f"paper {number['paper']}" in content.inner_text()
    source = tab.locator(".whole-file pre").inner_text()
    assert "def contractive_autoencoder(" in source
    content.get_by_role("link", name="contractive_mnist").first.click()
    assert 'load_preset("contractive_mnist")' in tab.locator("article").inner_text()
    # By keyboard alone: the first stop leads past the menu.
    tab.goto((SITE / "index.html").as_uri())
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent.trim()").startswith("Skip")


def test_every_model_lesson_preset_and_row_has_its_place(site):
    gallery = (SITE / "index.html").read_text()
    for name in aezoo.__all__:
        module = getattr(aezoo, name).__module__.split(".")[1]
        page = (SITE / "aezoo" / f"{module}.html").read_text()
        assert f'id="aezoo.{name}"' in page
        if name.endswith("_autoencoder"):
            assert f'href="aezoo/{module}.html"' in gallery
            assert "Lessons that use it" in page and "Weights" in page
    for name in aezoo.list_presets():
        card = (SITE / "aezoo" / "presets" / f"{name}.html").read_text()
        assert (
            "load_preset" in card
            and f"{name}.html"
            in (SITE / "aezoo" / "presets" / "index.html").read_text()
        )
    numbers = (SITE / "benchmarks" / "README.html").read_text()
    words = html.unescape(re.sub(r"<[^>]+>", "", numbers))
    for row in report.load():
        assert f'id="{row["name"].replace("_", "-")}"' in numbers
        assert row["differs"].replace("`", "")[:40] in words


def test_nothing_of_an_answer_is_in_the_site(site):
    secrets, given = {}, ""
    for path in sorted((ROOT / "notebooks" / "assignments").glob("[0-9]*.ipynb")):
        found = secrets[path.stem] = {"SOLUTION": set(), "HIDDEN TESTS": set()}
        for cell in nbformat.read(path, as_version=4).cells:
            given += re.sub(
                r"### BEGIN (SOLUTION|HIDDEN TESTS)\n.*?### END \1",
                "",
                cell.source,
                flags=re.S,
            )
            for kind, lines in found.items():
                parts = re.findall(
                    rf"### BEGIN {kind}\n(.*?)\s*### END {kind}", cell.source, re.S
                )
                lines.update(
                    line.strip()
                    for part in parts
                    for line in part.splitlines()
                    if len(line.strip()) > 25
                )
        assert all(len(lines) > 5 for lines in found.values()), path
    # Some lines stand in lessons, in aezoo's own files, or in what students are given:
    # they are no secret.
    lessons = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    lessons += sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))
    cells = [cell for path in lessons for cell in nbformat.read(path, 4).cells]
    public = "".join(path.read_text() for path in (ROOT / "aezoo").glob("*.py"))
    public += given + "".join(cell.source for cell in cells)
    own_tests = {t for found in secrets.values() for t in found["HIDDEN TESTS"]}
    own_tests = {line for line in own_tests if line not in public}
    answers = {line for found in secrets.values() for line in found["SOLUTION"]}
    answers = {line for line in answers if line not in given}
    assert len(own_tests) > 50 < len(answers)
    for file in SITE.rglob("*"):
        if file.suffix not in (".html", ".ipynb", ".js", ".txt", ".md"):
            continue
        text = file.read_text()
        if file.suffix == ".ipynb":
            text = "\n".join(cell.source for cell in nbformat.read(file, 4).cells)
        elif file.suffix == ".html":
            text = html.unescape(re.sub(r"<[^>]+>", "", text))
        assert "BEGIN HIDDEN TESTS" not in text, file
        assert not [line for line in own_tests if line in text], file
        if "assignments" in file.parts or file.stem in secrets:
            assert "BEGIN SOLUTION" not in text
            assert not [line for line in answers if line in text], file
