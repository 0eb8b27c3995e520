"""What every handler of the simulated amoCRM sees: the accounts, the clock, the switches, the records of requests.

Owns `World`, `RawRequest` and the bounded lists of violations and of requests. Handlers are synchronous functions of a
world and a request, so a request is either done wholly or not at all, whatever becomes of its connection.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import trio

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.conversations import SimMessage
from dealgram.sandbox.amocrm.crm_hooks import CrmHookSender
from dealgram.sandbox.amocrm.downloads import Downloads, Shelf
from dealgram.sandbox.amocrm.events import EventStream
from dealgram.sandbox.amocrm.file_host import FileHost
from dealgram.sandbox.amocrm.ids import Ids
from dealgram.sandbox.amocrm.limits import Pace
from dealgram.sandbox.amocrm.records import SimChannel, SimIntegration
from dealgram.sandbox.amocrm.shapes import UNKNOWN, Check, Problem
from dealgram.sandbox.amocrm.switches import Switches

VIOLATIONS_KEPT = 1000
REQUESTS_KEPT = 2000
BODY_KEPT = 4096
PICTURES_KEPT = 1000
MEDIA_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRequest:
    """A request as it came: `path` undecoded and without the query, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One line of the request log. `account_id` is 0 where the request named no known account; the body is cut."""

    at: float
    operation: str
    method: str
    path: str
    query: str
    status: int
    account_id: int
    body: bytes


@dataclass(slots=True, kw_only=True)
class Token:
    """A live access or refresh token."""

    account_id: int
    user_id: int
    expires_at: float


@dataclass(slots=True, kw_only=True)
class World:
    channel: SimChannel
    integration: SimIntegration
    switches: Switches
    now: Callable[[], float]
    rng: random.Random
    ids: Ids
    events: EventStream
    domain: str
    crm_hooks: CrmHookSender
    files: FileHost
    accounts: dict[int, SimAccount] = field(default_factory=dict)
    accounts_by_amojo: dict[str, SimAccount] = field(default_factory=dict)
    hosts: dict[str, int | None] = field(default_factory=dict)
    """Host[:port] → whose it is; None once its account moved away. Other hosts are asked no questions."""
    api_host: str = ""
    """What the claim `api_domain` of access tokens says; "" is the documented name, which nobody serves here."""
    codes: dict[str, Token] = field(default_factory=dict)
    access_tokens: dict[str, Token] = field(default_factory=dict)
    refresh_tokens: dict[str, Token] = field(default_factory=dict)
    sessions: dict[str, Token] = field(default_factory=dict)
    """Cookies of users whose browser has a page of the account open."""
    violations: list[str] = field(default_factory=list)
    violations_dropped: int = 0
    requests: deque[RequestRecord] = field(default_factory=lambda: deque(maxlen=REQUESTS_KEPT))
    rest_pace: Pace = field(default_factory=Pace)
    chat_pace: Pace = field(default_factory=Pace)
    imported: Callable[[SimAccount, SimMessage], None] | None = None
    """Told of every new message that the integration imports, if somebody is to hear of it."""
    reacted: Callable[[SimAccount, SimMessage, str, str | None], None] | None = None
    """The same for reactions: whose, and which."""
    downloads: Downloads = field(default_factory=Downloads)
    pictures: Shelf = field(default_factory=lambda: Shelf(PICTURES_KEPT))
    """Participants' pictures by their address."""
    media: Shelf = field(default_factory=lambda: Shelf(MEDIA_KEPT))
    """Files of the messages that the integration posted, by amoCRM's id of the message."""
    later: deque[tuple[float, SimAccount, SimMessage]] = field(default_factory=deque)
    later_added: trio.Event = field(default_factory=trio.Event)

    @property
    def seconds(self) -> int:
        return int(self.now())

    def scope_of(self, account: SimAccount) -> str:
        return f"{self.channel.id}_{account.amojo_id}"

    def host_of(self, account: SimAccount) -> str:
        """The account's own host: where the sandbox serves it, else its documented name."""
        return account.host or f"{account.subdomain}.{self.domain}"

    def base_url_of(self, account: SimAccount) -> str:
        """On the wire https is documented; a host of the sandbox is plain http on loopback."""
        return f"{'http' if account.host else 'https'}://{self.host_of(account)}"

    def is_at_home(self, request: RawRequest, account_id: int) -> bool:
        """Whether the host that was asked serves the account. A host that nobody registered serves everyone."""
        host = request.headers.get("host", "")
        return self.hosts.get(host, account_id) == account_id

    def violate(self, text: str) -> None:
        """Records a broken rule; only the first thousand are kept, the rest are counted."""
        if len(self.violations) < VIOLATIONS_KEPT:
            self.violations.append(text)
        else:
            self.violations_dropped += 1

    def changed(self, account: SimAccount, message: SimMessage) -> None:
        """Tells watchers that a visible message looks different now."""
        lead_id = message.talk.lead_id if message.talk is not None else None
        self.events.publish("message_changed", account_id=account.id, lead_id=lead_id, chat_uuid=message.chat.uuid)

    def may_react(self, emoji: str) -> bool:
        """Whether the channel has this reaction; by the switch, every channel has every one."""
        return self.switches.reactions == "any" or emoji in self.channel.reactions

    def check(self, shape: Check, value: object, where: str) -> list[Problem]:
        """What is wrong with `value`; unknown fields count as the switch says."""
        problems: list[Problem] = []
        shape(value, "", problems)
        mode = self.switches.unknown_fields
        if not problems or mode == "refuse":
            return problems
        if mode == "record":
            for one in problems:
                if one.code == UNKNOWN:
                    self.violate(f"{where}: {one}")
        return [one for one in problems if one.code != UNKNOWN]
