"""An agency's account, answered to the settings page in the service's place."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from widget_play import WidgetVisitor

BOTS = 50
GROUPS_EACH = 10


def of(answer: Any, **changes: Any) -> Any:
    return {**answer, **changes}


class LargeAccount:
    """Answers instead of the service, as for an agency: 50 bots with 10 groups each, named by their numbers."""

    def __init__(self, visitor: WidgetVisitor, account: dict[str, Any], bot: dict[str, Any]) -> None:
        counts = {"bots": BOTS, "groups": BOTS * GROUPS_EACH, "linked_groups": BOTS, "attention": 0}
        self.asked: list[str] = []
        self._account = of(account, counts=counts)
        totals = {"total": GROUPS_EACH, "linked": 1, "titles": ["Проект 1"]}
        self._bots = [of(bot, id=number, name=f"Клиент {number}", groups=totals) for number in range(1, BOTS + 1)]
        self._groups = [self._group(number) for number in range(BOTS * GROUPS_EACH)]
        visitor.page.route(re.compile("/api/v1/(account|bots|groups)"), self._answer)

    @staticmethod
    def _group(number: int) -> dict[str, Any]:
        status = {"level": "ok", "title": "Не связана", "details": []}
        return {
            "id": number,
            "bot_id": number // GROUPS_EACH + 1,
            "title": f"Проект {number}",
            "kind": "supergroup",
            "state": "member",
            "status": status,
            "deals": [],
        }

    def _answer(self, route: Any) -> None:
        request = route.request
        split = urlsplit(request.url)
        path, query = split.path.removeprefix("/api/v1"), parse_qs(split.query)
        self.asked.append(f"{path}?{split.query}")
        words = query.get("q", [""])[0].casefold()
        bot = re.fullmatch(r"/bots/(\d+)/groups", path)
        if path == "/account":
            answer: dict[str, Any] = self._account
        elif path == "/bots":
            answer = {"bots": self._found(words)}
        else:
            found = [
                one
                for one in self._groups
                if words in one["title"].casefold() and (not bot or one["bot_id"] == int(bot[1]))
            ]
            start, many = int(query["offset"][0]), int(query["limit"][0])
            answer = {"groups": found[start : start + many], "total": len(found)}
        headers = {"Access-Control-Allow-Origin": request.headers["origin"], "Content-Type": "application/json"}
        route.fulfill(status=200, headers=headers, body=json.dumps(answer))

    def _found(self, words: str) -> list[dict[str, Any]]:
        if not words:
            return self._bots
        counted = [
            of(
                bot,
                groups_found=sum(
                    one["bot_id"] == bot["id"] and words in one["title"].casefold() for one in self._groups
                ),
            )
            for bot in self._bots
        ]
        return [bot for bot in counted if bot["groups_found"] or words in bot["name"].casefold()]
