"""A small but real site for the crowd's tests: `python standin.py PORT PAGES.json EVENTS.jsonl`.

It follows the HTTP of Novum's site as far as visitors can tell. An event is in the file before it
is answered. Tokens hold all that is needed, so a site that is started again knows them.
"""

import base64
import hashlib
import html
import json
import secrets
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

PAGE = """<!doctype html><html><head><title>Shop</title><style>h1 {{ color: red }}</style></head>
<body><nav><a href="/">Home</a></nav><main><h1>{headline}</h1><p class="subhead">{subhead}</p>
<a class="button" href="{link}">{call_to_action}</a><p>VAT included.</p>{body}</main>
<footer><p>Imprint of the shop.</p></footer>{beacon}</body></html>"""
BEACON = """<script>navigator.sendBeacon("/seen?t=" + {token!r})</script>
<noscript><img src="/seen?t={token}" alt=""></noscript>"""
CRAWLERS = ("bot", "crawl", "external", "curl", "requests")


def page_of(words: dict, token: str | None) -> str:
    """The page with these words."""
    text = {name: html.escape(words[name]) for name in ("headline", "subhead", "call_to_action")}
    body = "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in words["body"])
    link = f"/go?t={token}" if token else "/price"
    return PAGE.format(
        **text, body=body, link=link, beacon=BEACON.format(token=token) if token else ""
    )


def app(pages: list[dict], events: Path) -> Starlette:
    """The site; pages are shown in turn by the visitor's name."""
    file = events.open("a", encoding="utf-8")

    def write(request: Request, what: str, **facts: object) -> None:
        agent = request.headers.get("user-agent", "")
        facts |= {
            "what": what,
            "bot": any(word in agent.lower() for word in CRAWLERS),
            "prefetch": request.headers.get("sec-purpose") == "prefetch",
            "private": "1" in (request.headers.get("dnt"), request.headers.get("sec-gpc")),
        }
        file.write(json.dumps(facts) + "\n")
        file.flush()

    def home(request: Request) -> Response:
        name = request.cookies.get("nv") or secrets.token_hex(8)
        arm = hashlib.sha256(name.encode()).digest()[0] % len(pages)
        private = "1" in (request.headers.get("dnt"), request.headers.get("sec-gpc"))
        token = base64.urlsafe_b64encode(f"{name} {arm} {secrets.token_hex(4)}".encode()).decode()
        write(request, "page", visitor=name, arm=arm)
        response = HTMLResponse(page_of(pages[arm], None if private else token.rstrip("=")))
        response.set_cookie("nv", name, httponly=True, samesite="lax")
        return response

    def event(request: Request) -> Response:
        token = request.query_params["t"]
        try:
            name, arm, _ = (
                base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().split()
            )
        except ValueError:
            return Response(status_code=403)
        facts = {key: value for key, value in request.query_params.items() if key != "t"}
        write(request, request.url.path[1:], visitor=name, arm=int(arm), **facts)
        if request.url.path == "/go":
            return RedirectResponse("/thanks", status_code=303)
        return Response(status_code=204)

    routes = [Route("/", home)]
    routes += [Route(path, event, methods=["GET", "POST"]) for path in ("/seen", "/go", "/signal")]
    return Starlette(routes=routes)


if __name__ == "__main__":
    shown = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    uvicorn.run(app(shown, Path(sys.argv[3])), port=int(sys.argv[1]), log_level="error")
