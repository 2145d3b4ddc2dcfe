"""The files of the page: plain HTML, CSS and JavaScript from the package."""

from __future__ import annotations

from importlib import resources

from starlette.responses import Response

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
# The page runs only its own scripts and styles: a message cannot inject any.
_POLICY = "default-src 'self'; img-src 'self' data: http: https:; style-src 'self'; base-uri 'none'; form-action 'none'"


def asset(name: str) -> Response:
    """A file of the page, with the content security policy."""
    kind = _TYPES.get(name.rpartition(".")[2])
    found = resources.files("bot.sandbox").joinpath("page", name)
    if kind is None or "/" in name or not found.is_file():
        return Response("not found", 404)
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": _POLICY}
    return Response(found.read_bytes(), media_type=kind, headers=headers)
