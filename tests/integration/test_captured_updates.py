"""Updates that Telegram really sent: each is accepted by webhook and by polling, disturbs no actor, and is seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio

from dealgram.actors.commands import LinkDeal, command_entry
from dealgram.actors.names import group_address
from dealgram.persistence import groups
from dealgram.sandbox.amocrm import Switches

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "telegram-updates"
FILES = sorted(FOLDER.glob("*.json"))

pytestmark = pytest.mark.skipif(not FILES, reason="no captured updates beside the repository (shared/data)")

PRIVATE = {
    # 01 and 02 carry the same message id in the same chat: one message
    250918540: ("Андрей Власов", ["", "😡"]),
    1459074222: ("shadowchain", ["El Psy Kongroo"]),
    27433968: ("Crax | rats addict", ["www.example.com"]),
    218485655: ("Waffle", ["hello there"]),
    408258968: ("Hirrolot", ["4"]),
    1234567890: (None, []),  # a message without any content
}
GROUPS = {
    -1001160242915: [
        # an anonymous administrator speaks as the group, and passes on what another one said
        ("a", "TITLE2: ↪️ Переслано: группа «a» (TITLE)\ntext")
    ],
    -599075523: [("test", "🔁 Группа «test» стала супергруппой. Связь со сделкой сохранена.")],
    -1001847508954: [("twest", "🗂 Новая тема: ???")],
    # A command to some other bot is a word of the group; what it answers was never seen, so it stands before it.
    -1001293752024: [("the Cable Guy", "↩️ Wert: 📖 История: TON Spin https://t.me/TONSpinChannel/s/2\n/report")],
    -1002184233434: [],  # a reaction
}
NUMBERS = range(1, 24)
"""The files that the tables above speak of. Others may be added to the folder: they must be taken in all the same."""


@pytest.fixture
def amo_switches():
    # The captured messages are years old, and a card shows what is at most a day older than its deal.
    return Switches(rest_rate_per_s=None, history_window_s=None)


def captured() -> Iterator[tuple[str, dict]]:
    for file in FILES:
        yield file.stem, json.loads(file.read_text(encoding="utf-8"))


async def by_webhook(stage) -> None:
    """Post every file as it is, as Telegram would; each must be acknowledged, and so must a repetition."""
    bot = stage.service.services.registry.bot(stage.world.sales_bot.id)
    url = stage.amo.hook_url.partition("/amojo/")[0] + f"/telegram/{bot.row.webhook_key}"
    headers = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": bot.webhook_secret}
    async with httpx.AsyncClient(trust_env=False) as client:
        for file in (*FILES, *FILES):
            answer = await client.post(url, content=file.read_bytes(), headers=headers)
            assert answer.status_code == 200, file.name


async def by_polling(stage) -> None:
    """Let the bot fetch every update, known or not, and confirm them all."""
    for _, update in captured():
        stage.telegram.inject(stage.world.sales_bot, update)
    with trio.fail_after(30):
        while stage.telegram.pending(stage.world.sales_bot):  # noqa: ASYNC110 - confirmed by the next poll
            await trio.sleep(0.02)


WAYS = {"webhook": by_webhook, "polling": by_polling}


async def link_groups(stage) -> dict[int, int]:
    """Link every captured group to a deal of its own, as an operator does: chat id → deal."""
    services, deals = stage.service.services, {}
    for chat_id in GROUPS:
        kind = "supergroup" if chat_id < -(10**12) else "group"
        group = await groups.ensure(
            services.db, stage.account.account_id, stage.world.sales_bot.id, chat_id, "test", kind
        )
        deal = deals[chat_id] = stage.amo.add_lead(stage.world.account, f"Группа {chat_id}")
        address = group_address(group.group_id)
        entry = command_entry(stage.account.account_id, address, LinkDeal(deal_id=deal))
        await services.journal.accept([entry])
        await stage.until(partial(stage.is_linked_line, deal), f"group {chat_id} linked")
    await stage.quiet()
    return deals


def test_the_expectations_speak_of_files_that_are_there():
    assert {int(file.stem[:2]) for file in FILES} >= set(NUMBERS)


@pytest.mark.parametrize("way", WAYS)
async def test_captured_updates_are_taken_in_and_what_people_should_see_is_seen(stage, way):
    world = stage.world
    deals = await link_groups(stage)
    before = await stage.count("SELECT count(*) FROM inbox WHERE source LIKE 'telegram%'")
    await WAYS[way](stage)
    await stage.quiet()

    assert await stage.count("SELECT count(*) FROM inbox WHERE source LIKE 'telegram%'") == before + len(FILES)
    assert await stage.count("SELECT count(*) FROM inbox WHERE done_at IS NULL") == 0
    assert await stage.count("SELECT count(*) FROM outbox WHERE state <> 'done'") == 0
    await stage.assert_undisturbed()

    for user_id, (name, lines) in PRIVATE.items():
        chat = stage.amo.chat(world.account, f"p{world.sales_bot.id}-{user_id}")
        shown = stage.amo.history(world.account, chat.uuid) if chat is not None else []
        assert [(item.author, item.text) for item in shown] == [(name, line) for line in lines]
    for chat_id, lines in GROUPS.items():
        shown = [item for item in stage.feed(deals[chat_id]) if "связана с этой сделкой" not in item.text]
        assert [(item.author, item.text) for item in shown] == lines, chat_id

    # Channels, reactions and kinds that nobody knows make neither chats nor people.
    expected = {str(user_id) for user_id, (name, _) in PRIVATE.items() if name}
    chats = {chat.client_id for chat in world.account.chats.values()}
    assert {chat.partition("-")[2] for chat in chats if chat.startswith("p")} == expected
    assert stage.amo.unsorted(world.account) == []
    # The captured files are Telegram's own: the simulated one does not have them, and that is all amoCRM complains of.
    assert [one for one in stage.amo.violations if not one.endswith("GET is answered 404")] == []


async def test_the_bot_goes_on_after_them(stage):
    await by_polling(stage)
    stage.telegram.write(stage.world.anna, stage.world.sales_bot, "А я просто напишу")
    await stage.in_card(stage.world.anna, "А я просто напишу")
    await stage.assert_undisturbed()


async def test_an_update_without_the_secret_is_refused_and_not_stored(stage):
    bot = stage.service.services.registry.bot(stage.world.sales_bot.id)
    base = stage.amo.hook_url.partition("/amojo/")[0]
    body = FILES[0].read_bytes()
    async with httpx.AsyncClient(trust_env=False) as client:
        for key, secret, status in (
            (bot.row.webhook_key, None, 401),
            (bot.row.webhook_key, "guess", 401),
            ("guess", bot.webhook_secret, 404),
        ):
            headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
            answer = await client.post(f"{base}/telegram/{key}", content=body, headers=headers)
            assert answer.status_code == status
    # The bots' own updates of the sample world may come in meanwhile: only this one counts.
    assert await stage.count("SELECT count(*) FROM inbox WHERE payload = $1", body) == 0
