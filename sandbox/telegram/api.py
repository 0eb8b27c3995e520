"""The HTTP face of the simulated Bot API: `/bot<token>/<method>`.

Owns dispatch and bookkeeping: token, method, faults, validation of the call and of our answer against the published
description, the log of calls. Promises: a call that breaks the description is answered 400, changes nothing and is a
violation, as is one that only a mistake in a program leads to (`MisuseError`); an ordinary refusal (blocked, flood, not
modified) is an answer like any other and is not.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
import trio
from quart import Response, request
from quart_trio import QuartTrio

from dealgram.sandbox.faults import FaultPlan
from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import wire
from dealgram.sandbox.telegram.errors import (
    NO_SUCH_METHOD,
    UNAUTHORIZED,
    ApiError,
    MisuseError,
    SlowModeError,
    bad_request,
    wording,
)
from dealgram.sandbox.telegram.files import Files
from dealgram.sandbox.telegram.methods import Described, Method
from dealgram.sandbox.telegram.switches import Switches
from dealgram.sandbox.telegram.world import Json, SimBot, World


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """One call as it was answered; `at` is trio's time in seconds. Long polls are logged when they end."""

    at: float
    bot: SimBot
    method: str
    params: Json
    status: int
    description: str | None = None


class BotApi:
    def __init__(
        self,
        world: World,
        methods: Mapping[str, Method],
        *,
        files: Files,
        schema: ApiSchema | None,
        faults: FaultPlan,
        switches: Switches,
        record: Callable[[str], None],
        log_size: int,
    ) -> None:
        self._world = world
        self._methods = methods
        self.simulated = frozenset(methods)
        self._files = files
        self._schema = schema
        self._faults = faults
        self._switches = switches
        self._record = record
        known = set(methods) | (schema.methods if schema is not None else set())
        self._names = {name.lower(): name for name in known}
        self.requests: deque[LoggedCall] = deque(maxlen=log_size)
        self.app = QuartTrio("dealgram.sandbox.telegram")
        self.app.config["MAX_CONTENT_LENGTH"] = None  # what is too big is answered as Telegram does
        self.app.add_url_rule("/file/bot<token>/<path:path>", view_func=self._serve_file, methods=["GET", "HEAD"])
        self.app.add_url_rule("/bot<token>/<method>", view_func=self._serve, methods=["GET", "POST"])

    async def _serve(self, token: str, method: str) -> Response:
        bot = self._world.bot_by_token(token)
        if bot is None:
            return wire.refusal(ApiError(*UNAUTHORIZED))
        name = self._names.get(method.lower())
        if name is None:
            self._record(f"@{bot.username}: no such method: {method}")
            return wire.refusal(ApiError(*NO_SUCH_METHOD))
        params: Json = {}
        unreadable: ApiError | None = None
        try:
            params = await wire.parameters(request)
        except ApiError as error:
            self._record(f"@{bot.username}: {name}: {error.description}")
            unreadable = error

        async def work() -> Response:
            return self._refused(bot, name, params, unreadable) if unreadable else await self._answer(bot, name, params)

        facts = {"bot": bot, "bot_id": bot.id, "params": params, "chat_id": params.get("chat_id")}
        return await self._faults.carry_out(name, facts, work)

    async def _serve_file(self, token: str, path: str) -> Response:
        """A file that getFile gave the path of. Refusals are plain answers; faults are ordered as "download"."""

        async def work() -> Response:
            try:
                return self._files.serve(token, path)
            except ApiError as error:
                return wire.refusal(error)

        return await self._faults.carry_out("download", {"path": path}, work)

    async def execute(self, bot: SimBot, method: str, params: Json) -> None:
        """A call that came in the answer of a webhook: done, checked and logged like any other, its result is lost."""
        name = self._names.get(method.lower())
        if name is None:
            self._record(f"@{bot.username}: no such method: {method}")
        else:
            await self._answer(bot, name, wire.decoded(params))

    async def _answer(self, bot: SimBot, name: str, params: Json) -> Response:
        try:
            result = await self._call(bot, name, params)
        except ApiError as error:
            if isinstance(error, MisuseError):
                self._record(f"@{bot.username}: {name}: {error.description}")
            return self._refused(bot, name, params, error)
        self._log(bot, name, params, 200)
        return wire.answer(result)

    async def _call(self, bot: SimBot, name: str, params: Json) -> object:
        method = self._methods.get(name)
        if method is None:
            self._record(f"@{bot.username}: {name} is not simulated")
            raise ApiError(501, f"Not Implemented: the simulator does not have {name}")
        params, files = wire.attached(params)
        if self._schema is not None:
            faults = self._schema.validate_call(name, params)
            if faults:
                raise self._invalid(bot, name, *faults)
        try:
            call = msgspec.convert(wire.with_files(params, files), method.parameters)
        except msgspec.ValidationError as error:
            raise self._invalid(bot, name, str(error)) from None
        result = await self._handled(method, bot, call)
        if self._schema is not None:
            plain = result.result if isinstance(result, Described) else result
            for fault in self._schema.validate_result(name, plain):
                self._record(f"simulator: answered {name} wrongly: {fault}")
        return result

    async def _handled(self, method: Method, bot: SimBot, call: object) -> object:
        """The result; a message that slow mode holds back is held for a while first (telegram-facts §1.1)."""
        while True:
            try:
                result = method.handle(bot, call)
                return await result if inspect.isawaitable(result) else result
            except SlowModeError as slow:
                if slow.wait_s > self._switches.slow_mode_hold_s:
                    raise
                await trio.sleep(slow.wait_s)

    def _invalid(self, bot: SimBot, name: str, *faults: str) -> ApiError:
        for fault in faults:
            self._record(f"@{bot.username}: {name}: {fault}")
        return bad_request(wording(faults[0]))

    def _refused(self, bot: SimBot, name: str, params: Json, error: ApiError) -> Response:
        self._log(bot, name, params, error.code, error.description)
        return wire.refusal(error)

    def _log(self, bot: SimBot, name: str, params: Json, status: int, description: str | None = None) -> None:
        self.requests.append(
            LoggedCall(
                at=trio.current_time(),
                bot=bot,
                method=name,
                params=wire.loggable(params),
                status=status,
                description=description,
            )
        )
