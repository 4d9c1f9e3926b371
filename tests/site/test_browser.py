"""A real browser: lands, sees its variant, lands again and sees the same, converts."""

import shutil
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx2")
pytest.importorskip("playwright")

from playwright.sync_api import sync_playwright
from site_cases import BETTER, FIREFOX, new_lab, serving, signalled

from novum.site.records import Count, State

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
HOUR = 3600.0
SHOP = """<!doctype html><html><head><script src="{site}/snippet.js" {said}></script></head>
<body><h1 data-novum="headline">The shop's own</h1><div data-novum="body"><p>Own.</p></div>
<button data-novum-goal onclick="document.title='bought'">Buy</button></body></html>"""


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """A page of a browser of its own; a headless one says so, and would not count."""
    contexts = []

    def open_page(**options):
        contexts.append(browser.new_context(user_agent=FIREFOX, **options))
        return contexts[-1].new_page()

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def served(tmp_path):
    with serving(new_lab(tmp_path / "lab")) as served:
        yield served


@pytest.fixture
def store(served):
    store = served.store()
    yield store
    store.close()


def show_to_all(store, copy=BETTER):
    """An experiment whose candidate everybody sees."""
    return store.open_experiment(store.put_variant(copy), None)


def wait_for(expected, found):
    """Beacons take a moment."""
    end = time.monotonic() + 20
    while found() != expected and time.monotonic() < end:
        time.sleep(0.05)
    assert found() == expected


def candidate(store, experiment):
    return store.counts(store.batch(experiment.id, "all", 100), HOUR).candidate


def test_a_visitor_lands_lands_again_and_converts(served, store, visit):
    experiment = store.open_experiment(store.put_variant(BETTER), store.incumbent())
    page = visit()
    page.goto(served.where)
    headline = page.text_content("h1")
    page.reload()
    assert page.text_content("h1") == headline

    def counted():
        counts = store.counts(store.batch(experiment.id, "all", 100), HOUR)
        return counts.candidate if headline == BETTER.headline else counts.control

    wait_for(Count(1, 0), counted)
    page.click("a.button")
    assert page.url == f"{served.where}/thanks"
    page.go_back()
    page.click("a.button")
    wait_for(Count(1, 1), counted)
    store.set_state(experiment.id, State.ROLLED_BACK, "enough", "person")
    page.goto(served.where)
    assert page.text_content("h1") != BETTER.headline


def test_the_page_tells_of_doing_and_of_leaving(served, store, visit):
    experiment = show_to_all(store)

    def kinds():
        told = {
            kind: signalled(store, experiment.id, kind) for kind in ("interaction_ms", "bounce")
        }
        return {kind: len(values) for kind, values in told.items() if values}

    leaves, acts = visit(), visit()
    for page in (leaves, acts):
        page.goto(served.where)
    wait_for(Count(2, 0), lambda: candidate(store, experiment))
    acts.keyboard.press("Tab")
    wait_for({"interaction_ms": 1}, kinds)
    acts.goto("about:blank")
    leaves.goto("about:blank")
    wait_for({"interaction_ms": 1, "bounce": 1}, kinds)


def test_a_visitor_without_javascript_is_counted_by_the_picture(served, store, visit):
    experiment = show_to_all(store)
    page = visit(java_script_enabled=False)
    page.goto(served.where)
    wait_for(Count(1, 0), lambda: candidate(store, experiment))
    page.click("a.button")
    wait_for(Count(1, 1), lambda: candidate(store, experiment))


def test_what_a_copy_says_is_never_run(served, store, visit):
    evil = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"
    show_to_all(store, BETTER.__class__(evil, evil, evil, (evil,)))
    page = visit()
    page.goto(served.where)
    assert page.text_content("h1") == evil
    assert page.title() != "run"


def test_consent_makes_a_visitor_count(tmp_path, visit):
    with serving(new_lab(tmp_path / "lab", "[privacy]\nconsent = true\n")) as served:
        page = visit()
        page.goto(served.where)
        assert page.evaluate("novum.token") is None
        page.evaluate("novum.consent()")
        page.reload()
        assert page.evaluate("novum.token")


@contextmanager
def shop(site, said=""):
    """Somebody else's site, which loads the snippet from ours."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(SHOP.format(site=site, said=said).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_snippet_shows_and_counts_on_another_site(served, store, visit):
    experiment = show_to_all(store)
    with shop(served.where) as where:
        page = visit()
        for _ in range(2):
            page.goto(where)
            page.wait_for_selector(f"text={BETTER.headline}")
            assert page.locator("[data-novum=body] p").all_text_contents() == list(BETTER.body)
        wait_for(Count(1, 0), lambda: candidate(store, experiment))
        page.click("button")
        assert page.title() == "bought"
        wait_for(Count(1, 1), lambda: candidate(store, experiment))


def test_a_page_is_never_left_hidden_and_what_came_too_late_does_not_count(served, store, visit):
    experiment = show_to_all(store)
    with shop(served.where, 'data-timeout="100"') as where:
        page = visit()

        def late(route):
            time.sleep(0.6)
            route.continue_()

        page.route("**/variant", late)
        page.goto(where)
        assert page.locator("h1").is_visible()
        page.wait_for_timeout(800)
        assert page.text_content("h1") == "The shop's own"
        page.unroute("**/variant")
        page.route("**/variant", lambda route: route.abort())
        page.goto(where)
        page.wait_for_timeout(50)
        assert page.locator("h1").is_visible()
    assert candidate(store, experiment) == Count()


def test_the_snippet_waits_for_consent_where_it_is_told_to(served, store, visit):
    show_to_all(store)
    with shop(served.where, "data-consent") as where:
        page = visit()
        page.goto(where)
        assert page.text_content("h1") == "The shop's own"
        page.evaluate("novum.consent()")
        page.goto(where)
        page.wait_for_selector(f"text={BETTER.headline}")
