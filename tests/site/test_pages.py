"""The crowd knows a page as a visitor does: by what is shown, and where a click leads."""

from crowd_cases import CURIOUS
from standin import page_of

from novum.site.visitors.pages import Reader, read

BODY = "VAT included. You write, we remind."


def test_the_words_are_read_from_the_page_that_was_served():
    page = read(page_of(CURIOUS, "abc-_9.x"))
    assert dict(page.words) == {**CURIOUS, "body": BODY}
    assert page.go == "/go?t=abc-_9.x"
    assert page.token == "abc-_9.x"
    assert page.script
    assert page.image


def test_what_is_escaped_is_read_as_it_looks_and_no_mark_up_is_obeyed():
    nasty = {**CURIOUS, "headline": "<script>x</script> & <h1>two</h1>\u202e"}
    assert dict(read(page_of(nasty, "t")).words)["headline"] == nasty["headline"]


def test_what_is_not_shown_is_not_read():
    words = dict(read(page_of(CURIOUS, "t")).words)
    told = " ".join(words.values())
    for unseen in ("Shop", "Imprint", "sendBeacon", "color", "Home"):
        assert unseen not in told


def test_who_is_not_followed_has_a_page_without_tokens():
    page = read(page_of(CURIOUS, None))
    assert dict(page.words) == {**CURIOUS, "body": BODY}
    assert page.go is page.token is None
    assert not page.script


def test_pages_that_differ_by_their_token_are_the_same_words_with_another_link():
    reader = Reader()
    first, second = (reader.read(page_of(CURIOUS, token)) for token in ("one", "two"))
    assert first.words == second.words
    assert (first.go, second.go) == ("/go?t=one", "/go?t=two")
    plain = reader.read(page_of({**CURIOUS, "headline": "Another"}, "two"))
    assert dict(plain.words)["headline"] == "Another"


def test_a_link_that_is_no_address_is_not_followed():
    for link in ("/go?t=a b", "/go?t=\xff", "/go?t=x\r\nX: y", "https://example.org/go?t=1"):
        assert read(page_of(CURIOUS, None).replace("/price", link)).token is None


def test_a_page_of_anything_is_read_without_a_fault():
    for html in ("", "<h1>", "<p>only", "\0<a href='/go?t=", "<h1>a</h1><a>b", "<<<>>>&&&#;"):
        assert len(read(html).words) == 4
