"""Where amoCRM keeps what managers attach: `https://amojo.amocrm.ru/attachments/...` (amoCRM contract §9).

Owns `FileHost`, an app on a loopback port of its own. Links are public, as those in hooks are. The shape of an address,
`/attachments/<uuid>/<uuid>/<five signs>_<name in ASCII>`, is the one that public samples of hooks show. Promises: GET,
HEAD and single ranges with true lengths and types; what goes wrong is ordered through `faults` (statuses, redirects,
delays, dropped connections) or `die`, `trickle` and `hide_length`; only the last two thousand files are kept.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import trio
from quart import Response, request
from quart_trio import QuartTrio

from dealgram.sandbox.amocrm.attachments import CHUNK, Attachment
from dealgram.sandbox.amocrm.ids import Ids
from dealgram.sandbox.faults import DROP_EXTENSION, Fault, FaultPlan, Order, When
from dealgram.sandbox.serve import serve

DOCUMENTED = "https://amojo.amocrm.ru"
OPERATION = "file"
_FILES_KEPT = 2_000
_REQUESTS_KEPT = 1_000
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRequest:
    """One line of the log: what was asked and how it was answered. `range` is the header, "" without one."""

    method: str
    url: str
    range: str
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFault(Fault):
    """What happens to the bytes of one answer: they end early, come slowly, or without their length."""

    cut_after: int | None = None
    chunk: int = CHUNK
    pause_s: float = 0.0
    hide_length: bool = False


class FileHost:
    """Serve it with `run`; before that, addresses are the documented ones, where nobody answers."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self.base_url = DOCUMENTED
        self.faults = FaultPlan()
        self._streams = FaultPlan()
        self._files: OrderedDict[str, Attachment] = OrderedDict()
        self.requests: deque[FileRequest] = deque(maxlen=_REQUESTS_KEPT)
        self.app = self._make_app()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serves the files until cancelled."""
        async with trio.open_nursery() as nursery:
            port = await nursery.start(serve, self.app)
            self.base_url = f"http://127.0.0.1:{port}"
            task_status.started()

    def host(self, owner: str, attachment: Attachment) -> tuple[str, str]:
        """Keeps a file; gives its address and that of its preview ("" where there is none)."""
        if attachment.url:
            return attachment.url, ""
        folder = f"/attachments/{owner}/{self._ids.uuid()}/{self._ids.secret(5)}_"
        name = _ascii(attachment.file_name)
        url = self._keep(folder + name, attachment)
        preview = attachment if attachment.type == "picture" and not attachment.thumbnail else None
        if attachment.thumbnail and attachment.type in ("picture", "video"):
            preview = Attachment("picture", attachment.thumbnail)
        if preview is None:
            return url, ""
        suffix = PurePosixPath(name).suffix if attachment.type == "picture" else ".jpg"
        return url, self._keep(f"{folder}{PurePosixPath(name).stem}_320x200{suffix}", preview)

    def find(self, url: str) -> Attachment | None:
        """The file that stands at an address of this host."""
        return self._files.get(urlsplit(url).path) if url.startswith(self.base_url) else None

    def forget(self, url: str) -> None:
        """From now on the address answers 404."""
        self._files.pop(urlsplit(url).path, None)

    # -- what goes wrong; `when` sees the facts `method`, `path` and `type` ------------------------------------------

    def redirect(self, to: str, times: int | None = 1, *, status: int = 302, when: When | None = None) -> Order:
        """Answers with another address."""
        return self.faults.answer(OPERATION, status=status, headers={"Location": to}, times=times, when=when)

    def die(self, after: int, times: int | None = 1, *, when: When | None = None) -> Order:
        """The connection ends after this many bytes of the file."""
        return self._streams.add(StreamFault(cut_after=after), OPERATION, when=when, times=times)

    def trickle(self, chunk: int, pause_s: float, times: int | None = 1, *, when: When | None = None) -> Order:
        """`chunk` bytes come at a time, with `pause_s` of trio's clock after each."""
        return self._streams.add(StreamFault(chunk=chunk, pause_s=pause_s), OPERATION, when=when, times=times)

    def hide_length(self, times: int | None = 1, *, when: When | None = None) -> Order:
        """The answer does not say how long it is."""
        return self._streams.add(StreamFault(hide_length=True), OPERATION, when=when, times=times)

    # -- the server --------------------------------------------------------------------------------------------------

    def _keep(self, path: str, attachment: Attachment) -> str:
        self._files[path] = attachment
        if len(self._files) > _FILES_KEPT:
            self._files.popitem(last=False)
        return self.base_url + path

    def _make_app(self) -> QuartTrio:
        app = QuartTrio(__name__, static_folder=None)

        @app.route("/<path:path>", methods=["GET", "HEAD"], provide_automatic_options=False)
        async def answer(path: str) -> Response:
            place = request.scope["raw_path"].decode("ascii")
            file = self._files.get(place)
            facts = {"method": request.method, "path": place, "type": file.type if file is not None else ""}

            async def work() -> Response:
                return self._answer(file, facts)

            response = await self.faults.carry_out(OPERATION, facts, work)
            wanted = request.headers.get("Range", "")
            self.requests.append(
                FileRequest(method=request.method, url=self.base_url + place, range=wanted, status=response.status_code)
            )
            return response

        return app

    def _answer(self, file: Attachment | None, facts: dict[str, str]) -> Response:
        if file is None:
            return Response(b"", status=404)
        length = file.length
        wanted = _wanted(request.headers.get("Range", ""), length)
        if wanted is None:
            return Response(b"", status=416, headers={"Content-Range": f"bytes */{length}"})
        start, stop, is_part = wanted
        headers = {"Accept-Ranges": "bytes", "Content-Type": file.served_type, "Content-Length": str(stop - start)}
        if is_part:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{length}"
        status = 206 if is_part else 200
        if request.method == "HEAD":
            response = Response(b"", status=status)
            response.headers.update(headers)
            return response
        fault = self._streams.take(OPERATION, facts)
        order = fault if isinstance(fault, StreamFault) else StreamFault()
        response = Response(_stream(file, start, stop, order, request.scope["extensions"]), status=status)
        if order.hide_length:
            del headers["Content-Length"]
        response.headers.update(headers)
        response.timeout = None
        return response


async def _stream(
    file: Attachment, start: int, stop: int, fault: StreamFault, extensions: Mapping[str, object]
) -> AsyncIterator[bytes]:
    end = stop if fault.cut_after is None else min(stop, start + fault.cut_after)
    for piece in file.read(start, end, fault.chunk):
        yield piece
        await trio.sleep(fault.pause_s)
    if end < stop:
        drop = extensions.get(DROP_EXTENSION)
        if not callable(drop):
            raise RuntimeError("only an app served by dealgram.sandbox.serve can end a connection early")
        drop()


def _wanted(header: str, length: int) -> tuple[int, int, bool] | None:
    """From, to before, and whether it is a part; None for a range that the file does not have."""
    match = _RANGE.fullmatch(header)
    if match is None or match.group(1) == match.group(2) == "":
        return 0, length, False
    first, last = match.groups()
    if not first:
        start, stop = max(0, length - int(last)), length
    else:
        start, stop = int(first), min(int(last) + 1, length) if last else length
    return (start, stop, True) if start < stop else None


def _ascii(name: str) -> str:
    """A file's name as it stands in its address; the true one is in the hook."""
    path = PurePosixPath(re.sub(r"[^A-Za-z0-9.-]+", "-", name))
    return f"{path.stem.strip('-') or 'file'}{path.suffix}"
