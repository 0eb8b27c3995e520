"""GET and HEAD /media/<signed>: a file of Telegram's, passed through part by part.

amoCRM fetches pictures (and later every other medium) here; the bot's token never leaves the service. The signed name
says everything, so there is no other check of who asks: links are unguessable, and name one file each. One byte range
is honoured (RFC 9110 §14); several, or one that cannot be read, are answered with the whole file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Self
from urllib.parse import quote

import trio
from quart import Blueprint, Response, request
from quart.wrappers.response import ResponseBody

from dealgram.actors.media_files import MediaRefusedError, OpenFile, Reason
from dealgram.actors.media_links import LONGEST
from dealgram.gateways.telegram import Download
from dealgram.http.errors import ApiError, unavailable
from dealgram.http.ports import MediaSource

_SHOWN = re.compile(r"(?:image/(?:jpeg|png|webp|gif)|audio/[a-z0-9.+-]+|video/[a-z0-9.+-]+)")
"""Types that a browser may show in place; anything else is a file to save, so that nothing of a stranger's ever runs
under our address."""

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_NAME = re.compile(r"[^\w.() -]")
_REFUSALS: dict[Reason, tuple[int, str, str]] = {
    "unknown": (404, "not_found", "There is no such file."),
    "forged": (403, "forbidden", "The link's signature is wrong."),
    "expired": (410, "expired", "The link has expired."),
    "disconnected": (410, "gone", "The bot of this file is not connected any more."),
    "gone": (404, "not_found", "Telegram does not have this file any more."),
    "too_large": (413, "file_too_large", "Telegram serves bots files of up to 20 MB only."),
}


def routes(media: MediaSource) -> Blueprint:
    """Build the route over the media port."""
    blueprint = Blueprint("media", __name__)

    @blueprint.route("/media/<name>", methods=["GET", "HEAD"], provide_automatic_options=False)
    async def medium(name: str) -> Response:
        if len(name) > LONGEST:
            raise _refused("unknown")
        is_head = request.method == "HEAD"
        etag = f'"{hashlib.sha256(name.encode()).hexdigest()[:24]}"'
        try:
            # Never changes under its name, but must still be asked for: the bot may be gone.
            opened = await media.open_media(name, head=is_head or _known(etag))
        except MediaRefusedError as error:
            raise _refused(error.reason) from error
        return _answer(opened, etag, is_head=is_head)

    return blueprint


def _known(etag: str) -> bool:
    return etag in (part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(","))


def _refused(reason: Reason) -> ApiError:
    if reason == "unavailable":
        return unavailable("Telegram does not answer; please repeat.", 30)
    status, code, message = _REFUSALS[reason]
    return ApiError(status, message, code=code)


def _answer(opened: OpenFile, etag: str, *, is_head: bool) -> Response:
    if _known(etag):
        return _dressed(Response(b"", status=304), opened, etag)
    size = opened.size
    span = _span(size)
    if span is not None and size is not None and span[0] >= size:
        if opened.download is not None:
            opened.download.close()
        raise ApiError(416, "The range is outside of the file.", headers={"Content-Range": f"bytes */{size}"})
    first, last = span if span is not None else (0, size - 1 if size is not None else None)
    body = b"" if opened.download is None else _Parts(opened.download, first, last)
    response = Response(b"", status=200 if span is None else 206)
    if isinstance(body, _Parts):
        response.response = body
        response.timeout = None
    _dressed(response, opened, etag)
    if last is not None and size is not None:
        response.headers["Accept-Ranges"] = "bytes"
        response.headers["Content-Length"] = str(last - first + 1)
        if span is not None:
            response.headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    elif not is_head:
        response.headers.pop("Content-Length", None)
    return response


def _dressed(response: Response, opened: OpenFile, etag: str) -> Response:
    link = opened.link
    shown = _SHOWN.fullmatch(link.content_type) is not None
    response.headers["Content-Type"] = link.content_type if shown else "application/octet-stream"
    name = _NAME.sub("_", link.file_name).strip()[:120]
    if name or not shown:
        how = "inline" if shown else "attachment"
        response.headers["Content-Disposition"] = f"{how}; filename*=UTF-8''{quote(name or 'file')}"
    response.headers["Cache-Control"] = "private, max-age=86400, immutable"
    response.headers["ETag"] = etag
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _span(size: int | None) -> tuple[int, int] | None:
    """First and last byte of the range that is asked for; None for the whole file."""
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if match is None or not size or request.headers.get("If-Range"):
        return None
    if match[1]:
        first, last = int(match[1]), min(int(match[2]) if match[2] else size - 1, size - 1)
        return (first, last) if not match[2] or int(match[2]) >= first else None
    if not match[2]:
        return None
    return (max(size - int(match[2]), 0), size - 1) if int(match[2]) else (size, size)


class BrokenOffError(Exception):
    """Telegram ended a file before its end: the connection is broken off, so that nobody keeps half a file."""


class _Parts(ResponseBody):
    """The part of a download that was asked for. Closes the download, whatever happens to the request."""

    def __init__(self, download: Download, first: int, last: int | None) -> None:
        self._download = download
        self._first = first
        self._last = last
        self._reader: AsyncGenerator[bytes, None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._download.close()
        if self._reader is not None:
            with trio.move_on_after(1, shield=True):
                await self._reader.aclose()

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._reader = self._read()
        return self._reader

    async def _read(self) -> AsyncGenerator[bytes, None]:
        at = 0
        wanted = None if self._last is None else self._last + 1
        async for part in self._download:
            start, end = max(self._first - at, 0), len(part) if wanted is None else min(len(part), wanted - at)
            at += len(part)
            if start < end:
                yield part[start:end]
            if wanted is not None and at >= wanted:
                return
        if wanted is not None and at < wanted:
            raise BrokenOffError(f"{at} bytes of {wanted} came")
