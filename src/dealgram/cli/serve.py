"""``dealgram serve`` and ``dealgram sandbox``: processes that run until they are stopped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import click
import trio
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from dealgram.cli.context import read_settings, run
from dealgram.playground import (
    CHANNEL,
    ENUM_ID,
    INTEGRATION,
    WIDGET_NAME,
    Playground,
    forget_last_play,
    listen,
    open_playground,
)
from dealgram.sandbox.page.server import create_page
from dealgram.sandbox.page.world import World, build_world
from dealgram.service import open_service, stop_on_signal
from dealgram.settings import Settings


@click.command()
def serve() -> None:
    """Run the service. Without a configured chat channel the sandbox runs beside it, ready to play with."""
    settings = read_settings(quiet=False)
    run(lambda: _serve_with_sandbox(settings) if settings.sandbox_enabled else _serve(settings), handles_signals=True)


@click.command()
def sandbox() -> None:
    """Run the simulators and their page alone, for a service that is started separately."""
    settings = read_settings()
    run(lambda: _sandbox(settings))


async def _serve(settings: Settings) -> None:
    async with open_service(settings) as service, trio.open_nursery() as nursery:
        await nursery.start(stop_on_signal, service)
        bound = await nursery.start(_until_done, service.run, nursery)
        _console().print(f"dealgram listens on [bold]{bound.url}[/]")


async def _serve_with_sandbox(settings: Settings) -> None:
    await trio.to_thread.run_sync(forget_last_play, settings)
    async with (
        _open_playground(settings) as playground,
        open_service(playground.settings(settings)) as service,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(stop_on_signal, service)
        bound = await nursery.start(_until_done, service.run, nursery)
        playground.send_hooks_to(bound.url)
        world = build_world(playground.telegram, playground.amo)
        await playground.connect(service, world.account, world.bots)
        await playground.show_settings(world.account)
        page = await _serve_page(nursery, playground, settings, bound.url)
        _announce(page, bound.url, playground.shell_is_off)


async def _sandbox(settings: Settings) -> None:
    async with _open_playground(settings) as playground, trio.open_nursery() as nursery:
        service_url = settings.public_url or f"http://127.0.0.1:{settings.port}"
        playground.send_hooks_to(service_url)
        world = build_world(playground.telegram, playground.amo)
        await playground.open_host(world.account)
        await playground.show_settings(world.account)
        page = await _serve_page(nursery, playground, settings, service_url)
        _explain(playground, world, page)


def _open_playground(settings: Settings) -> AbstractAsyncContextManager[Playground]:
    return open_playground(
        telegram_port=settings.sandbox_telegram_port,
        amocrm_port=settings.sandbox_amocrm_port,
        controller_port=settings.sandbox_controller_port,
    )


async def _until_done(
    work: Callable[..., Awaitable[None]], nursery: trio.Nursery, *, task_status: trio.TaskStatus[object]
) -> None:
    """Run the service; when it has ended, whatever runs beside it ends too."""
    await work(task_status=task_status)
    nursery.cancel_scope.cancel()


async def _serve_page(nursery: trio.Nursery, playground: Playground, settings: Settings, service_url: str) -> str:
    app = create_page(
        playground.telegram,
        playground.amo,
        health_url=f"{service_url}/health/actors",
        health_token=settings.ops_token.get_secret_value() if settings.ops_token else None,
        has_settings=playground.shell is not None,
    )

    port = await listen(nursery, app, settings.sandbox_page_port)
    playground.let_frame(port)
    return f"http://127.0.0.1:{port}"


def _announce(page: str, service: str, settings_are_off: str) -> None:
    addresses = Table.grid(padding=(0, 2))
    addresses.add_row("Open this", f"[bold link={page}]{page}[/]")
    addresses.add_row("Service", f"{service}/health/actors")
    if settings_are_off:
        addresses.add_row("Settings page", f"off: {settings_are_off}")
    _console().print(
        Panel(
            addresses, title="dealgram with its sandbox", subtitle="Ctrl+C stops it", border_style="green", expand=False
        )
    )


def _explain(playground: Playground, world: World, page: str) -> None:
    console = _console()
    environment = {
        "DEALGRAM_SANDBOX": "off",
        "DEALGRAM_TELEGRAM_API_URL": f"http://127.0.0.1:{playground.telegram_port}",
        "DEALGRAM_AMOJO_URL": playground.amocrm_url,
        "DEALGRAM_AMOJO_CHANNEL_ID": CHANNEL.id,
        "DEALGRAM_AMOJO_CHANNEL_SECRET": CHANNEL.secret,
        "DEALGRAM_AMOJO_BOT_ID": CHANNEL.bot_id,
        "DEALGRAM_AMOCRM_CLIENT_ID": INTEGRATION.client_id,
        "DEALGRAM_AMOCRM_CLIENT_SECRET": INTEGRATION.client_secret,
        "DEALGRAM_AMOCRM_REDIRECT_URI": INTEGRATION.redirect_uri,
        "DEALGRAM_AMOCRM_DOMAINS": "127.0.0.1",
        "DEALGRAM_CONTROLLER_URL": f"http://127.0.0.1:{playground.controller_port}",
        "DEALGRAM_CONTROLLER_WIDGET_NAME": WIDGET_NAME,
        "DEALGRAM_CONTROLLER_ENUM_ID": ENUM_ID,
    }
    console.print(f"Open [bold link={page}]{page}[/]. A service that plays here is started with")
    for name, value in environment.items():
        console.print(f"  {name}={value}", highlight=False, soft_wrap=True)
    code = playground.amo.issue_code(world.account)
    console.print("and connected, within 20 minutes, with")
    console.print(
        f"  dealgram account connect {playground.url_of(world.account)} {code}", highlight=False, soft_wrap=True
    )
    for bot, pipeline in world.bots:
        console.print(
            f"  echo {bot.token} | dealgram bot add {world.account.id} --pipeline {pipeline.id}",
            highlight=False,
            soft_wrap=True,
        )


def _console() -> Console:
    return Console(stderr=False)
