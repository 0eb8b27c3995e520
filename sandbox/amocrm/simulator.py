"""The amoCRM simulator: one app for OAuth, REST v4 and the Chats API, and the hands of the people who work in amoCRM.

Owns `AmoSimulator`. Every request goes the same way: faults, then one synchronous handler, then the log; a refused one
is also a violation. Promises: control methods are synchronous and may be called from the same thread at any time;
accounts never see each other; memory is bounded (messages per account, requests, violations, hooks, event buffers).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

import orjson
import trio
from quart import Response, request
from quart_trio import QuartTrio

from dealgram.sandbox.amocrm import (
    amojo,
    cards,
    consent,
    messages,
    oauth,
    outgoing,
    rest,
    rest_account,
    rest_contacts,
    rest_fields,
    rest_leads,
    rest_links,
    rest_notes,
    rest_sources,
    rest_unsorted,
)
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.answers import Answer, Refused, refuse
from dealgram.sandbox.amocrm.conversations import ChatOption, FeedItem, SimChat, SimMessage, SimUnsorted
from dealgram.sandbox.amocrm.crm_hooks import CrmHookRecord, CrmHookSender
from dealgram.sandbox.amocrm.events import EventStream, Subscription
from dealgram.sandbox.amocrm.hook_faults import HookFaults
from dealgram.sandbox.amocrm.hooks import HookRecord, HookSender, HookUrl
from dealgram.sandbox.amocrm.ids import Ids
from dealgram.sandbox.amocrm.people import People
from dealgram.sandbox.amocrm.records import SimChannel, SimIntegration, SimUser
from dealgram.sandbox.amocrm.server_calls import ServerCall, ServerCalls
from dealgram.sandbox.amocrm.switches import Switches
from dealgram.sandbox.amocrm.world import BODY_KEPT, RawRequest, RequestRecord, World
from dealgram.sandbox.faults import FaultPlan

MAX_BODY = 1_048_576


class AmoSimulator(People):
    """Serve `.app` with `sandbox.serve.serve`, keep `run` running, and use the methods as the people would.

    `message_cap` is the number of messages an account keeps; the oldest are forgotten with their ids.
    """

    def __init__(
        self,
        *,
        channel: SimChannel | None = None,
        hook_url: HookUrl | None = None,
        switches: Switches | None = None,
        now: Callable[[], float] = time.time,
        rng: random.Random | None = None,
        integration: SimIntegration | None = None,
        domain: str = "amocrm.ru",
        message_cap: int = 200_000,
    ) -> None:
        rng = rng or random.Random(0)  # noqa: S311 - made-up ids, the same in every run
        ids = Ids(rng)
        events = EventStream()
        self.world = World(
            channel=channel or SimChannel(id=ids.uuid(), secret=ids.secret(40), bot_id=ids.uuid()),
            integration=integration
            or SimIntegration(
                client_id=ids.uuid(), client_secret=ids.secret(), redirect_uri="https://example.com/oauth"
            ),
            switches=switches or Switches(),
            now=now,
            rng=rng,
            ids=ids,
            events=events,
            domain=domain,
            crm_hooks=CrmHookSender(lambda: self.world.switches, events),
        )
        self.faults = FaultPlan()
        self._sender = HookSender(self.world, hook_url)
        self._calls = ServerCalls(self.world)
        self._message_cap = message_cap
        self._router = rest.Router(
            rest_account.ROUTES,
            rest_leads.ROUTES,
            rest_contacts.ROUTES,
            rest_links.ROUTES,
            rest_fields.ROUTES,
            rest_sources.ROUTES,
            rest_notes.ROUTES,
            rest_unsorted.ROUTES,
        )
        self.app = self._make_app()

    # -- settings and records ------------------------------------------------------------------------------------

    @property
    def channel(self) -> SimChannel:
        return self.world.channel

    @property
    def integration(self) -> SimIntegration:
        return self.world.integration

    @property
    def switches(self) -> Switches:
        return self.world.switches

    @switches.setter
    def switches(self, switches: Switches) -> None:
        self.world.switches = switches

    @property
    def hook_url(self) -> HookUrl | None:
        """Where hooks go: a function of the scope id, or a text with `{scope_id}` in it."""
        return self._sender.url

    @hook_url.setter
    def hook_url(self, url: HookUrl | None) -> None:
        self._sender.url = url

    @property
    def hook_faults(self) -> HookFaults[HookRecord]:
        return self._sender.faults

    @property
    def hooks(self) -> Sequence[HookRecord]:
        """The last hooks with what became of them, oldest first."""
        return tuple(self._sender.log)

    @property
    def hooks_pending(self) -> int:
        """Hooks that were made and are not yet sent."""
        return self._sender.pending

    @property
    def slow_integrations(self) -> Mapping[str, int]:
        """Scope id → hooks that were not answered in time; their hooks go one at a time."""
        return self._sender.slow

    @property
    def crm_hooks(self) -> Sequence[CrmHookRecord]:
        """The last CRM hooks with what became of them, oldest first."""
        return tuple(self.world.crm_hooks.log)

    @property
    def crm_hooks_pending(self) -> int:
        """CRM hooks that wait for their first attempt."""
        return self.world.crm_hooks.pending

    @property
    def crm_hooks_retrying(self) -> int:
        """CRM hooks that failed and wait for their next attempt."""
        return self.world.crm_hooks.retrying

    @property
    def crm_hook_faults(self) -> HookFaults[CrmHookRecord]:
        return self.world.crm_hooks.faults

    @property
    def redirect_url(self) -> str | None:
        """Where the service really serves the redirect URI; `integration.redirect_uri` is only compared."""
        return self._calls.redirect_url

    @redirect_url.setter
    def redirect_url(self, url: str | None) -> None:
        self._calls.redirect_url = url

    @property
    def uninstall_url(self) -> str | None:
        """Where a removal is told; None tells nobody."""
        return self._calls.uninstall_url

    @uninstall_url.setter
    def uninstall_url(self, url: str | None) -> None:
        self._calls.uninstall_url = url

    @property
    def server_calls(self) -> Sequence[ServerCall]:
        """What amoCRM's server asked the service for on installing and removing, with what became of it."""
        return tuple(self._calls.log)

    @property
    def server_calls_pending(self) -> int:
        return self._calls.pending

    @property
    def violations(self) -> list[str]:
        return self.world.violations

    @property
    def requests(self) -> Sequence[RequestRecord]:
        return tuple(self.world.requests)

    @property
    def accounts(self) -> Sequence[SimAccount]:
        return tuple(self.world.accounts.values())

    def assert_clean(self) -> None:
        """Raises AssertionError when a request was refused."""
        if self.violations:
            more = f"\n... and {self.world.violations_dropped} more" if self.world.violations_dropped else ""
            raise AssertionError("requests that amoCRM refuses:\n" + "\n".join(self.violations) + more)

    def subscribe(self, size: int = 1000) -> Subscription:
        """Notices of changes, for the page; `size` is the buffer."""
        return self.world.events.subscribe(size)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Sends hooks, tells of removals and makes delayed messages visible, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._sender.run)
            nursery.start_soon(self._calls.run)
            nursery.start_soon(self.world.crm_hooks.run)
            nursery.start_soon(messages.show_later, self.world)
            task_status.started()

    # -- accounts ------------------------------------------------------------------------------------------------

    def add_account(self, subdomain: str, name: str) -> SimAccount:
        """A new account with an administrator and one pipeline; the integration is not installed yet."""
        now = self.world.seconds
        account = SimAccount(self.world.ids, subdomain=subdomain, name=name, now=now, message_cap=self._message_cap)
        self.world.accounts[account.id] = account
        self.world.accounts_by_amojo[account.amojo_id] = account
        return account

    def serve_at(self, account: SimAccount, host: str) -> None:
        """Says that `host` (with its port) is the account's own; it serves no other account from now on."""
        if self.world.hosts.get(host, account.id) != account.id:
            raise ValueError(f"{host} is taken")
        if account.host and account.host != host:
            self.world.hosts[account.host] = None
        account.host = host
        self.world.hosts[host] = account.id

    @property
    def api_host(self) -> str:
        """The host that serves every account: what tokens call `api_domain`."""
        return self.world.api_host

    @api_host.setter
    def api_host(self, host: str) -> None:
        self.world.api_host = host

    def rename_subdomain(self, account: SimAccount, subdomain: str, host: str | None = None) -> None:
        """The account moves; nobody answers for it at the old host any more.

        Give the new host where it has one of its own; without one the account is served by unregistered hosts alone.
        """
        account.subdomain = subdomain
        if host is not None:
            self.serve_at(account, host)
        elif account.host:
            self.world.hosts[account.host] = None
            account.host = ""
        self.world.events.publish("account", account_id=account.id)

    def revoke_tokens(self, account: SimAccount) -> None:
        """Every code and token of the account dies, and nobody is told."""
        oauth.revoke(self.world, account)

    def scope_id(self, account: SimAccount) -> str:
        return self.world.scope_of(account)

    def issue_code(self, account: SimAccount, user: SimUser | None = None) -> str:
        """The code that an installing user's browser brings to the redirect URI: 20 minutes, once."""
        return oauth.issue_code(self.world, account, (user or account.owner).id)

    def issue_tokens(self, account: SimAccount, user: SimUser | None = None) -> tuple[str, str]:
        """An access and a refresh token without the exchange of a code."""
        return oauth.issue_pair(self.world, account.id, (user or account.owner).id)

    async def install(
        self, account: SimAccount, user: SimUser | None = None, *, from_widget: bool = True
    ) -> ServerCall:
        """An administrator switches the widget on: amoCRM's server asks the redirect URI, once and for three seconds.

        Whatever becomes of the call, the integration counts as installed. Raises ValueError for a plain user.
        """
        query = consent.grant(self.world, account, user or account.owner)
        return await self._calls.installed(account, query | ({"from_widget": "1"} if from_widget else {}))

    def authorize_url(self, state: str | None = None, mode: str | None = None) -> str:
        """The address of the consent page, as the button on a site opens it."""
        return consent.authorize_url(self.world, state, mode)

    def consent(
        self, account: SimAccount, state: str | None = None, user: SimUser | None = None, *, allow: bool = True
    ) -> str:
        """What a person decides on the consent page; returns the address the browser is sent to."""
        address = self.redirect_url or self.integration.redirect_uri
        return consent.decide(self.world, address, account if allow else None, user, state)

    def consent_at(self, url: str, account: SimAccount, user: SimUser | None = None, *, allow: bool = True) -> str:
        """The same at the consent page of this address, with the state it has. Raises Refused for a wrong address."""
        split = urlsplit(url)
        own = urlsplit(self.authorize_url())
        if (split.scheme, split.netloc, split.path) != (own.scheme, own.netloc, own.path):
            raise ValueError(f"{url} is not the consent page {own.geturl()}")
        return self.consent(account, consent.asked(self.world, split.query).get("state"), user, allow=allow)

    def uninstall(self, account: SimAccount) -> ServerCall | None:
        """What switching the integration off does: tokens die, the channel is disconnected, the service is told.

        Whether a later installation finds its sources and chats again is a switch. Returns the hook, which `run` sends.
        """
        oauth.revoke(self.world, account)
        account.is_connected = account.is_installed = False
        if self.world.switches.after_uninstall == "forgotten":
            account.forget_integration()
        if self.world.switches.webhooks_after_uninstall == "removed":
            account.webhooks.clear()
        self.world.events.publish("account", account_id=account.id)
        return self._calls.uninstalled(account)

    def disconnect(self, account: SimAccount) -> None:
        """The channel is disconnected for this account, the tokens stay."""
        account.is_connected = False

    # -- what managers see and do in chats -----------------------------------------------------------------------

    def feed(self, account: SimAccount, lead_id: int) -> list[FeedItem]:
        """The messages that the deal's card shows."""
        return cards.feed(self.world, account, lead_id)

    def chats_of_lead(self, account: SimAccount, lead_id: int) -> list[ChatOption]:
        """The chats that a manager can choose in the deal's card, the latest first."""
        return cards.chats_of_lead(account, lead_id)

    def history(self, account: SimAccount, chat_uuid: str) -> list[FeedItem]:
        """All visible messages of a chat in the order of their arrival, whatever deal they belong to."""
        chat = account.chats[chat_uuid]
        return [cards.item(self.world, account, one) for one in chat.messages if one.visible]

    def chat(self, account: SimAccount, conversation: str) -> SimChat | None:
        """The chat with this id on the integration's side."""
        return account.chats_by_client.get(conversation)

    def message(self, account: SimAccount, amo_id: str) -> FeedItem | None:
        found = account.messages.get(amo_id)
        return cards.item(self.world, account, found) if found is not None else None

    def is_typing(self, account: SimAccount, chat_uuid: str) -> bool:
        return account.chats[chat_uuid].typing_until > self.world.now()

    def answer(
        self,
        account: SimAccount,
        chat_uuid: str,
        user: SimUser,
        text: str,
        reply_to: str | None = None,
        *,
        attachments: Sequence[outgoing.Attachment] = (),
        buttons: Sequence[Sequence[dict[str, str]]] = (),
        lead_id: int | None = None,
    ) -> str:
        """Writes as a manager and queues the hook; returns amoCRM's id of the (first) message.

        `reply_to` is amoCRM's id of a message of the same chat; `lead_id` the card that the manager writes from.
        Several attachments are several messages. Raises KeyError for an unknown chat or message.
        """
        quoted: SimMessage | None = account.messages[reply_to] if reply_to is not None else None
        chat = account.chats[chat_uuid]
        if quoted is not None and quoted.chat is not chat:
            raise ValueError("a message of another chat cannot be answered here")
        written = outgoing.answer(
            self.world,
            self._sender,
            account,
            chat,
            user,
            text,
            reply_to=quoted,
            attachments=attachments,
            buttons=buttons,
            lead_id=lead_id,
        )
        return written[0].id

    def show_typing(self, account: SimAccount, chat_uuid: str, user: SimUser) -> None:
        """A manager types in the chat."""
        outgoing.typing(self.world, self._sender, account, account.chats[chat_uuid], user)

    def react(self, account: SimAccount, amo_id: str, user: SimUser, emoji: str | None) -> None:
        """A manager reacts to a message, or takes the reaction back."""
        outgoing.react(self.world, self._sender, account, account.messages[amo_id], user, emoji)

    def unsorted(self, account: SimAccount) -> list[SimUnsorted]:
        """What waits in «Неразобранное», oldest first."""
        return list(account.unsorted.values())

    # -- the server ----------------------------------------------------------------------------------------------

    def _make_app(self) -> QuartTrio:
        app = QuartTrio(__name__, static_folder=None)
        app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        methods = ["GET", "POST", "PATCH", "PUT", "DELETE"]

        @app.route("/", defaults={"path": ""}, methods=methods, provide_automatic_options=False)
        @app.route("/<path:path>", methods=methods, provide_automatic_options=False)
        async def serve(path: str) -> Response:
            data = await request.get_data(cache=False)
            raw = RawRequest(
                method=request.method,
                path=request.scope["raw_path"].decode("ascii"),
                query=request.query_string.decode("ascii"),
                headers={name.lower(): value for name, value in request.headers.items()},
                body=data if isinstance(data, bytes) else data.encode(),
            )
            operation, account = self._identify(raw)
            account_id = account.id if account is not None else 0
            facts = {"account_id": account_id, "method": raw.method, "path": raw.path, "body": raw.body}

            async def work() -> Response:
                return _respond(self._handle(raw, operation, account_id))

            return await self.faults.carry_out(operation, facts, work)

        return app

    def _identify(self, raw: RawRequest) -> tuple[str, SimAccount | None]:
        if raw.path.startswith(amojo.PREFIX):
            return amojo.operation(raw), amojo.account_of(self.world, raw)
        if raw.path.startswith(rest.PREFIX):
            found = self._router.find(raw)[0]
            return found.operation if found is not None else "unknown", rest.account_of(self.world, raw)
        known = {
            ("POST", "/oauth2/access_token"): "oauth.access_token",
            ("GET", "/oauth2/account/current/subdomain"): "oauth.subdomain",
            ("GET", consent.PATH): "oauth.consent",
            ("POST", consent.DECISION): "oauth.decision",
        }
        return known.get((raw.method, raw.path), "unknown"), None

    def _handle(self, raw: RawRequest, operation: str, account_id: int) -> Answer:
        world = self.world
        try:
            if raw.path.startswith(amojo.PREFIX):
                answer = amojo.handle(world, raw)
            elif raw.path.startswith(rest.PREFIX):
                answer = rest.handle(world, self._router, raw)
            elif operation == "oauth.access_token":
                answer = oauth.access_token(world, raw)
            elif operation == "oauth.subdomain":
                answer = oauth.current_subdomain(world, raw)
            elif operation == "oauth.consent":
                answer = consent.page(world, raw)
            elif operation == "oauth.decision":
                answer = consent.decision(world, raw, self.redirect_url or self.integration.redirect_uri)
            else:
                raise refuse(404, f"{raw.method} {raw.path} is nothing that amoCRM serves")
        except Refused as refused:
            answer = refused.answer
            world.violate(f"{operation} {raw.method} {raw.path} -> {answer.status}: {refused.reason}")
        world.requests.append(
            RequestRecord(
                at=world.now(),
                operation=operation,
                method=raw.method,
                path=raw.path,
                query=raw.query,
                status=answer.status,
                account_id=account_id,
                body=raw.body[:BODY_KEPT],
            )
        )
        return answer


def _respond(answer: Answer) -> Response:
    body = answer.body
    content = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
    response = Response(content, status=answer.status, headers=dict(answer.headers))
    if content:
        response.headers["Content-Type"] = answer.content_type
    else:
        response.headers.pop("Content-Type", None)
    return response
