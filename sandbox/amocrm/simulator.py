"""The amoCRM simulator: one app for OAuth, REST v4 and the Chats API, and the hands of the people who work in amoCRM.

Owns `AmoSimulator`. Every request goes the same way: faults, then one synchronous handler, then the log; a refused one
is also a violation. Promises: control methods are synchronous and may be called from the same thread at any time;
accounts never see each other; memory is bounded (messages per account, requests, violations, hooks, event buffers).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import orjson
import trio
from quart import Response, request
from quart_trio import QuartTrio

from dealgram.sandbox.amocrm import (
    amojo,
    consent,
    gestures,
    messages,
    oauth,
    outgoing,
    rest,
    rest_account,
    rest_complex,
    rest_contacts,
    rest_events,
    rest_fields,
    rest_leads,
    rest_links,
    rest_notes,
    rest_sources,
    rest_tags,
    rest_tasks,
    rest_templates,
    rest_unsorted,
    rest_widgets,
)
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.answers import Answer, Refused, refuse
from dealgram.sandbox.amocrm.chat_hands import ChatHands
from dealgram.sandbox.amocrm.crm_hooks import CrmHookRecord, CrmHookSender
from dealgram.sandbox.amocrm.events import EventStream, Subscription
from dealgram.sandbox.amocrm.file_host import FileHost
from dealgram.sandbox.amocrm.hook_faults import HookFaults
from dealgram.sandbox.amocrm.hooks import HookRecord, HookSender, HookUrl
from dealgram.sandbox.amocrm.ids import Ids
from dealgram.sandbox.amocrm.installations import Installations
from dealgram.sandbox.amocrm.people import People
from dealgram.sandbox.amocrm.records import SimChannel, SimIntegration
from dealgram.sandbox.amocrm.server_calls import ServerCalls
from dealgram.sandbox.amocrm.switches import Switches
from dealgram.sandbox.amocrm.world import BODY_KEPT, RawRequest, RequestRecord, World
from dealgram.sandbox.faults import FaultPlan

MAX_BODY = 1_048_576


class AmoSimulator(People, ChatHands, Installations):
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
            files=FileHost(ids),
        )
        self.faults = FaultPlan()
        self._sender = HookSender(self.world, hook_url)
        self.world.imported = partial(outgoing.imported, self.world, self._sender)
        self.world.reacted = partial(gestures.imported, self.world, self._sender)
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
            rest_tasks.ROUTES,
            rest_unsorted.ROUTES,
            rest_complex.ROUTES,
            rest_events.ROUTES,
            rest_tags.ROUTES,
            rest_templates.ROUTES,
            rest_widgets.ROUTES,
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
    def files(self) -> FileHost:
        """Where managers' attachments can be fetched, and what goes wrong there."""
        return self.world.files

    @property
    def downloads_pending(self) -> int:
        """Media and pictures that amoCRM has still to fetch."""
        return self.world.downloads.pending

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
        """Sends hooks, fetches and hosts files, tells of removals, makes delayed messages visible, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._sender.run)
            nursery.start_soon(self._calls.run)
            nursery.start_soon(self.world.crm_hooks.run)
            nursery.start_soon(messages.show_later, self.world)
            nursery.start_soon(self.world.downloads.run)
            await nursery.start(self.world.files.run)
            task_status.started()

    # -- accounts ------------------------------------------------------------------------------------------------

    def add_account(self, subdomain: str, name: str) -> SimAccount:
        """A new account with an administrator and one pipeline; the integration is not installed yet."""
        now = self.world.seconds
        account = SimAccount(self.world.ids, subdomain=subdomain, name=name, now=now, message_cap=self._message_cap)
        self.world.accounts[account.id] = account
        self.world.accounts_by_amojo[account.amojo_id] = account
        return account

    def scope_id(self, account: SimAccount) -> str:
        return self.world.scope_of(account)

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
        whose = self.world.hosts.get(raw.headers.get("host", ""))
        return known.get((raw.method, raw.path), "unknown"), self.world.accounts.get(whose or 0)

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
