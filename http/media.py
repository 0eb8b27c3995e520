"""GET and HEAD /media/<signed>: a file of Telegram's, passed through part by part.

amoCRM fetches every file here, and managers' browsers may; the bot's token never leaves the service. The signed name
says everything, so there is no other check of who asks: links are unguessable, and name one file each. Promises:
- one byte range is honoured; several, or one that cannot be read, are answered with the whole file;
- whoever stops reading, or reads too slowly for too long, loses the connection; so does everybody if Telegram breaks
  off, because half a file must not look like a whole one;
- a browser reads a refusal in Russian, everything else reads JSON.
"""

from __future__ import annotations

import hashlib
from typing import Self

from quart import Blueprint, Response, request
from quart.wrappers.response import ResponseBody

from dealgram.actors.files.media_files import FoundFile, MediaRefusedError, Reason
from dealgram.actors.files.media_links import LONGEST
from dealgram.gateways.errors import GatewayError
from dealgram.gateways.telegram import Download
from dealgram.http import oauth_pages
from dealgram.http.closing import BrokenOffError, at_the_end
from dealgram.http.errors import ApiError, unavailable
from dealgram.http.file_headers import file_headers
from dealgram.http.ports import MediaSource
from dealgram.http.ranges import OutsideError, Span, span_of

SLOWEST_BYTES_PER_S = 16 * 1024
"""Who reads more slowly than this on the whole is cut off."""
START_PATIENCE_S = 60.0
"""On top of that, for slow beginnings."""
_UNKNOWN_SIZE_S = 3600.0
_RETRY_AFTER_S = 30

_REFUSALS: dict[Reason, tuple[int, str, str]] = {
    "unknown": (404, "not_found", "There is no such file."),
    "forged": (403, "forbidden", "The link's signature is wrong."),
    "expired": (410, "expired", "The link has expired."),
    "disconnected": (410, "gone", "The bot of this file is not connected any more."),
    "gone": (404, "not_found", "Telegram does not have this file any more."),
    "too_large": (413, "file_too_large", "The Bot API server does not serve files of this size."),
    "unavailable": (503, "unavailable", "Telegram does not answer; please repeat."),
    "busy": (503, "busy", "Many files of this account are on their way; please repeat."),
}
_PAGES: dict[Reason, tuple[str, str]] = {
    "unknown": ("Файла нет", "Такой ссылки не существует. Проверьте, что адрес скопирован целиком."),
    "forged": ("Файла нет", "Ссылка повреждена. Откройте файл из карточки сделки ещё раз."),
    "expired": ("Ссылка больше не действует", "Срок ссылки истёк. Сам файл остался в Telegram, в том же сообщении."),
    "disconnected": ("Бот отключён", "Бот, которому прислали этот файл, больше не подключён к amoCRM."),
    "gone": ("Файла больше нет", "Telegram больше не отдаёт этот файл."),
    "too_large": ("Файл слишком большой", "Такие большие файлы боты получить не могут. Откройте сообщение в Telegram."),
    "unavailable": ("Telegram не отвечает", "Попробуйте открыть файл ещё раз через минуту."),
    "busy": ("Слишком много файлов сразу", "Попробуйте открыть файл ещё раз через минуту."),
}


def routes(media: MediaSource) -> Blueprint:
    """Build the route over the media port."""
    blueprint = Blueprint("media", __name__)

    @blueprint.route("/media/<name>", methods=["GET", "HEAD"], provide_automatic_options=False)
    async def medium(name: str) -> Response:
        try:
            if len(name) > LONGEST:
                raise MediaRefusedError("unknown")
            found = await media.find(name)
            etag = f'"{hashlib.sha256(name.encode()).hexdigest()[:24]}"'
            if _is_known(etag):
                # A file never changes under its name, but its bot may be gone: therefore it is asked for all the same.
                return _dressed(Response(b"", status=304), found, etag)
            if request.method == "HEAD":
                return _whole(_dressed(Response(b""), found, etag), found.size)
            return await _file(media, found, etag)
        except MediaRefusedError as error:
            return _refusal(error.reason)

    return blueprint


async def _file(media: MediaSource, found: FoundFile, etag: str) -> Response:
    span = None
    if found.size is not None and request.headers.get("If-Range", etag).strip() == etag:
        try:
            span = span_of(request.headers.get("Range", ""), found.size)
        except OutsideError:
            outside = {"Content-Range": f"bytes */{found.size}"}
            raise ApiError(416, "The range is outside of the file.", headers=outside) from None
    download = await media.open(found, 0 if span is None else span.first)
    at_the_end(download.close)
    size = found.size if download.size is None else download.size
    response = _dressed(Response(b"", status=200 if span is None else 206), found, etag)
    if span is None:
        _whole(response, size)
        wanted = None if size is None else Span(0, size - 1)
    else:
        response.headers["Content-Length"] = str(span.length)
        response.headers["Content-Range"] = f"bytes {span.first}-{span.last}/{size}"
        response.headers["Accept-Ranges"] = "bytes"
        wanted = span
    response.response = _Parts(download, wanted)
    length_s = _UNKNOWN_SIZE_S if wanted is None else wanted.length / SLOWEST_BYTES_PER_S
    response.timeout = START_PATIENCE_S + length_s
    return response


def _whole(response: Response, size: int | None) -> Response:
    if size is None:
        response.headers.pop("Content-Length", None)
    else:
        response.headers["Content-Length"] = str(size)
        response.headers["Accept-Ranges"] = "bytes"
    return response


def _dressed(response: Response, found: FoundFile, etag: str) -> Response:
    response.headers.update(file_headers(found.link.content_type, found.link.file_name))
    response.headers["Cache-Control"] = "private, max-age=86400, immutable"
    # Pages of amoCRM show pictures from here; who has the link may see the file, from wherever.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["ETag"] = etag
    return response


def _is_known(etag: str) -> bool:
    asked = (part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(","))
    return any(part in (etag, "*") for part in asked)


def _refusal(reason: Reason) -> Response:
    """What a refused request gets: a page for people.

    Raises:
        ApiError: for programs.
    """
    status, code, message = _REFUSALS[reason]
    if "text/html" in request.headers.get("Accept", ""):
        title, text = _PAGES[reason]
        response = oauth_pages.page(title, text, status=status)
        if status == 503:
            response.headers["Retry-After"] = str(_RETRY_AFTER_S)
        return response
    if status == 503:
        raise unavailable(message, _RETRY_AFTER_S)
    raise ApiError(status, message, code=code)


class _Parts(ResponseBody):
    """The part of a download that was asked for; None for all of it, however long it is. No generator: an answer may be
    broken off anywhere, and nothing of a generator would be left to end it in time."""

    def __init__(self, download: Download, wanted: Span | None) -> None:
        self._download = download
        self._source = aiter(download)
        self._wanted = wanted
        self._at = download.start

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._download.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next bytes.

        Raises:
            BrokenOffError: they do not come.
        """
        wanted = self._wanted
        while wanted is None or self._at <= wanted.last:
            try:
                part = await anext(self._source)
            except StopAsyncIteration:
                if wanted is None:
                    raise
                raise BrokenOffError(f"{self._at} bytes of {wanted.last + 1} came") from None
            except GatewayError as error:
                raise BrokenOffError(str(error)) from error
            first = 0 if wanted is None else max(wanted.first - self._at, 0)
            end = len(part) if wanted is None else min(len(part), wanted.last + 1 - self._at)
            self._at += len(part)
            if first < end:
                return part[first:end]
        raise StopAsyncIteration
