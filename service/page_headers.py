"""The security headers of the pages and of the other responses of the app."""

import base64
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

TEMPLATES = Path(__file__).with_name("templates")
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)
# A browser does not guess the type of a response: text of a client in an error message is never run as a script.
NOSNIFF = {"X-Content-Type-Options": "nosniff"}


def browser_headers(content_type: str | None) -> dict[str, str]:
    """Return the security headers of a response with this content type."""
    return PAGE_HEADERS if (content_type or "").startswith("text/html") else NOSNIFF


def _page_headers(templates: Iterable[Path]) -> dict[str, str]:
    """Return the headers of HTML pages. The policy allows the scripts and styles in these templates and no others."""
    hashes: dict[str, set[str]] = {"script": set(), "style": set()}
    for template in templates:
        for kind, text in _INLINE.findall(template.read_text("utf-8")):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            hashes[kind].add(f"'sha256-{digest}'")
    policy = {
        "default-src": "'none'",
        "script-src": " ".join(sorted(hashes["script"])),
        "style-src": " ".join(sorted(hashes["style"])),
        "connect-src": "'self'",  # the Send buttons of /docs
        "img-src": "'self'",  # browsers ask for /favicon.ico
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{directive} {sources}" for directive, sources in policy.items()),
        "X-Frame-Options": "DENY",  # frame-ancestors, for older browsers
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",  # pages show the versions served at this moment
    }


PAGE_HEADERS = NOSNIFF | _page_headers(TEMPLATES.glob("*.html"))
