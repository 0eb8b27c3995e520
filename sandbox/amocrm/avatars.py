"""Pictures of participants, as amoCRM fetches them from the addresses that integrations give.

When and how often amoCRM fetches is not documented (amoCRM contract §7, §20.18): with the switch `fetch_avatars` each
new address is fetched once, soon after it was given; without it addresses are only recorded.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import httpx
import trio

_KEPT = 1000
_WAITING = 1000
_DEADLINE_S = 20.0
_BIGGEST = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FetchedPicture:
    """What an address gave; status 0 if nobody answered."""

    status: int
    content_type: str = ""
    body: bytes = b""


class PictureFetcher:
    """Fetches what it is told of, one after the other; bounded in every way."""

    def __init__(self) -> None:
        self.fetched: OrderedDict[str, FetchedPicture] = OrderedDict()
        self._send, self._receive = trio.open_memory_channel[str](_WAITING)
        self._asked: OrderedDict[str, None] = OrderedDict()

    def tell(self, url: str) -> None:
        """A participant has this picture."""
        if not url or url in self._asked:
            return
        self._asked[url] = None
        if len(self._asked) > _KEPT:
            self._asked.popitem(last=False)
        try:
            self._send.send_nowait(url)
        except trio.WouldBlock:
            return  # amoCRM promises nobody to fetch every picture

    async def run(self) -> None:
        """Until cancelled."""
        async with httpx.AsyncClient(timeout=_DEADLINE_S, trust_env=False, follow_redirects=True) as client:
            async for url in self._receive:
                self.fetched[url] = await _fetch(client, url)
                if len(self.fetched) > _KEPT:
                    self.fetched.popitem(last=False)


async def _fetch(client: httpx.AsyncClient, url: str) -> FetchedPicture:
    try:
        answer = await client.get(url)
    except (httpx.HTTPError, httpx.InvalidURL):
        return FetchedPicture(0)
    return FetchedPicture(answer.status_code, answer.headers.get("content-type", ""), answer.content[:_BIGGEST])
