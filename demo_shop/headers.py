"""What every answer tells the browser about security and caching."""

from flask import Response

from .services.tracing import recorder

POLICY = "; ".join(
    [
        "default-src 'none'",
        "img-src 'self'",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        # The page with two windows shows pages of the shop, and nobody else may.
        "frame-ancestors 'self'",
    ]
)


def add_headers(response: Response) -> Response:
    """Set the security headers; pages that show a basket are never stored."""
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"

    # The panel is about this one request.
    if recorder() is not None and response.mimetype == "text/html":
        response.headers["Cache-Control"] = "no-store"

    # Files, and the pages that are the same for everybody, have said it already.
    response.headers.setdefault("Cache-Control", "no-store")

    return response
