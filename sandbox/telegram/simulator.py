"""The simulated Telegram as one object: an app for bots, control methods for people, and a record of what went wrong.

Start here. `app` serves the Bot API, `run` delivers to webhooks, the control methods (in the modules `*_controls.py`)
act as the people do, those in `botfather.py` as the bots' owners. What Telegram itself does is in
`cloud.py`, the methods of the Bot API are in `sending.py`, `media_methods.py`, `editing.py`, `reactions.py`,
`chats.py`, `files.py`, `profile.py` and `intake.py`. It was
written from the documentation and the server's published source, not from our client. Everything is in memory and
bounded.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Sequence

import httpx
import trio
from quart_trio import QuartTrio

from dealgram.sandbox.faults import FaultPlan, Order, When
from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram.api import BotApi, LoggedCall
from dealgram.sandbox.telegram.botfather import BotFather
from dealgram.sandbox.telegram.chats import Chats
from dealgram.sandbox.telegram.cloud import Cloud
from dealgram.sandbox.telegram.editing import Editing
from dealgram.sandbox.telegram.errors import ApiError
from dealgram.sandbox.telegram.events import Subscription
from dealgram.sandbox.telegram.files import Files
from dealgram.sandbox.telegram.forward_controls import ForwardControls
from dealgram.sandbox.telegram.intake import IntakeMethods
from dealgram.sandbox.telegram.limits import FloodControl
from dealgram.sandbox.telegram.location_controls import LocationControls
from dealgram.sandbox.telegram.media_controls import MediaControls
from dealgram.sandbox.telegram.media_methods import MediaMethods
from dealgram.sandbox.telegram.people_controls import PeopleControls
from dealgram.sandbox.telegram.posting import Posting
from dealgram.sandbox.telegram.profile import Profile
from dealgram.sandbox.telegram.reaction_controls import ReactionControls
from dealgram.sandbox.telegram.reactions import Reactions
from dealgram.sandbox.telegram.rights_controls import RightsControls
from dealgram.sandbox.telegram.sending import Sending
from dealgram.sandbox.telegram.switches import Switches
from dealgram.sandbox.telegram.topic_controls import TopicControls
from dealgram.sandbox.telegram.updates import RETENTION_S, lane_id
from dealgram.sandbox.telegram.uploads import Uploads
from dealgram.sandbox.telegram.webhooks import Couriers, Post, posting_with
from dealgram.sandbox.telegram.world import Json, SimBot, SimChat, SimUser
from dealgram.sandbox.tls import trusted

_MAX_VIOLATIONS = 1000
_WEBHOOK_CONNECTIONS = 200


class TelegramSimulator(
    TopicControls,
    RightsControls,
    PeopleControls,
    MediaControls,
    ForwardControls,
    LocationControls,
    ReactionControls,
    BotFather,
):
    """See the module.

    `now` gives Unix seconds; waiting is on trio's clock, so with a MockClock give a `now` that follows it. `rng`
    decides ids, tokens and jitter. `history_cap` messages are kept per chat, `pending_cap` updates per bot,
    `log_size` calls in `requests`. `post` replaces the HTTP client that posts to webhooks.
    """

    def __init__(
        self,
        *,
        schema: ApiSchema | None,
        now: Callable[[], float] = time.time,
        rng: random.Random | None = None,
        switches: Switches | None = None,
        history_cap: int = 2000,
        pending_cap: int = 100_000,
        log_size: int = 10_000,
        post: Post | None = None,
    ) -> None:
        self.switches = switches or Switches()
        self.faults = FaultPlan()
        self.violations: list[str] = []
        self._rng = rng or random.Random(0)  # noqa: S311 - ids of a toy, not secrets
        self._post = post
        self._cloud = Cloud(
            schema=schema,
            now=now,
            rng=self._rng,
            history_cap=history_cap,
            pending_cap=pending_cap,
            record=self._record,
        )
        kinds = schema.fields_of("Update") - {"update_id"} if schema is not None else None
        self._intakes = IntakeMethods(self._cloud, self.switches, self._record, kinds)
        self.files = Files(self._cloud.world, self._cloud.files, self.switches, now)
        flood = FloodControl(lambda: self.switches.limits, now)
        posting, uploads = Posting(self._cloud, flood), Uploads(self._cloud.files, self.switches)
        self._api = BotApi(
            self._cloud.world,
            Sending(self._cloud, posting, self.switches).methods()
            | Editing(self._cloud, posting, uploads).methods()
            | MediaMethods(self._cloud, posting, uploads).methods()
            | Reactions(self._cloud).methods()
            | Chats(self._cloud, self.files).methods()
            | self.files.methods()
            | Profile().methods()
            | self._intakes.methods(),
            files=self.files,
            schema=schema,
            faults=self.faults,
            switches=self.switches,
            record=self._record,
            log_size=log_size,
        )

    @property
    def app(self) -> QuartTrio:
        """Serves `/bot<token>/<method>` and `/file/bot<token>/<path>`."""
        return self._api.app

    @property
    def requests(self) -> deque[LoggedCall]:
        """The latest calls of bots, oldest first."""
        return self._api.requests

    @property
    def simulated_methods(self) -> frozenset[str]:
        return self._api.simulated

    @property
    def bots(self) -> Sequence[SimBot]:
        return tuple(self._cloud.world.bots.values())

    @property
    def people(self) -> Sequence[SimUser]:
        return tuple(self._cloud.world.people.values())

    @property
    def chats(self) -> Sequence[SimChat]:
        """Every group that is alive, then every private chat."""
        world = self._cloud.world
        groups = (chat for chat in world.chats.values() if chat.migrated_to is None and not chat.deleted)
        return (*groups, *world.private_chats())

    @property
    def callback_answers(self) -> dict[str, Json]:
        """What bots answered to presses, by the id that `press` returned."""
        return {press.id: press.answer for press in self._cloud.presses.values() if press.answer is not None}

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Delivers to webhooks until cancelled. Not needed where bots poll."""
        if self._post is not None:
            task_status.started()
            await self._couriers(self._post).run()
            return
        limits = httpx.Limits(max_connections=_WEBHOOK_CONNECTIONS, max_keepalive_connections=_WEBHOOK_CONNECTIONS)
        async with httpx.AsyncClient(verify=trusted(), timeout=None, limits=limits, trust_env=False) as client:  # noqa: S113 - READ_TIMEOUT_S
            task_status.started()
            await self._couriers(posting_with(client)).run()

    def add_bot(self, name: str, username: str, *, privacy_mode: bool = False) -> SimBot:
        return self._cloud.add_bot(name, username, privacy_mode=privacy_mode)

    def add_person(self, first_name: str, last_name: str | None = None, username: str | None = None) -> SimUser:
        return self._cloud.add_person(first_name, last_name, username)

    def refuse(
        self,
        method: str | None,
        code: int,
        description: str,
        *,
        when: When | None = None,
        times: int | None = 1,
        **parameters: object,
    ) -> Order:
        """Plans a refusal in the Bot API's own form, e.g. `refuse("sendMessage", 429, "…", retry_after=3)`."""
        headers = {"Retry-After": str(parameters["retry_after"])} if "retry_after" in parameters else {}
        body = ApiError(code, description, **parameters).body()
        return self.faults.answer(method, status=code, body=body, headers=headers, when=when, times=times)

    def inject(self, bot: SimBot, update: Json) -> int:
        """Queues an update exactly as given but for its id, allowed or not, unknown kinds too; returns the id."""
        kind = next((name for name in update if name != "update_id"), "")
        known = update.get(kind)
        payload: Json = known if isinstance(known, dict) else {}
        chat_id = payload.get("chat", {}).get("id", 0)
        user_id = (payload.get("from") or payload.get("user") or {}).get("id", 0)
        body = {name: value for name, value in update.items() if name != "update_id"}
        lane = lane_id(kind, chat_id=chat_id, user_id=user_id)
        return self._cloud.queues[bot.id].push_raw(kind, body, lane=lane, expires_at=self._cloud.now() + RETENTION_S)

    def pending(self, bot: SimBot) -> list[Json]:
        """The updates that wait for a bot, oldest first."""
        queue = self._cloud.queues[bot.id]
        return [waiting.body for waiting in queue.head(len(queue))]

    def subscribe(self, size: int = 256) -> Subscription:
        """Changes from now on, as an async iterator; a reader that falls `size` events behind gets `reset`."""
        return self._cloud.feed.subscribe(size)

    def assert_clean(self) -> None:
        """Raises AssertionError with everything that bots did wrong, or that this simulator did."""
        if self.violations:
            raise AssertionError("the Bot API was misused:\n" + "\n".join(self.violations))

    def _couriers(self, post: Post) -> Couriers:
        return Couriers(self._intakes, post=post, execute=self._api.execute, now=self._cloud.now, rng=self._rng)

    def _record(self, violation: str) -> None:
        if len(self.violations) < _MAX_VIOLATIONS:
            self.violations.append(violation)
