"""Reactions both ways: what people set in Telegram stands in the cards, and what managers set there in Telegram."""

from __future__ import annotations

import random
from dataclasses import replace

import orjson
import pytest
import trio

from dealgram.actors.gestures import reaction_posting
from dealgram.persistence.records import Employee, upsert

BOTH_FORMS = ["msgid", "message"]


def reactions(stage, deal: int, text: str) -> dict[str, str]:
    """Who reacted how to the message that holds ``text``, as a deal's card shows it."""
    item = next(item for item in stage.feed(deal) if item.text == text)
    return {one.by: one.emoji for one in item.reactions}


def amo_id(stage, deal: int, text: str) -> str:
    return next(item for item in stage.feed(deal) if item.text == text).amo_id


async def shows(stage, deal: int, text: str, expected: dict[str, str]) -> None:
    await stage.until(lambda: reactions(stage, deal, text) == expected, f"{expected} at «{text}» in {deal}")


async def clean(stage, *excused: str) -> None:
    """Nothing is left to do and nothing went wrong; ``excused``: refusals of amoCRM that a test asked for."""
    await stage.settled()
    assert [one for one in stage.amo.violations if not any(words in one for words in excused)] == []
    stage.telegram.assert_clean()
    await stage.assert_undisturbed()


async def take_in(stage, payload: dict, number: int) -> None:
    """An update as Telegram would bring it, out of its usual order."""
    bot = stage.service.services.registry.bot(stage.world.sales_bot.id)
    raw = orjson.dumps({"update_id": 900_000_000 + number, "message_reaction": payload})
    await stage.service.intake.accept_updates(bot, [raw])


async def last_known(stage) -> int:
    """The latest message's id as the bot knows it: in a basic group every member counts by themselves."""
    return await stage.count("SELECT max(message_id) FROM messages WHERE chat_id = $1", stage.world.group.id)


def reaction_of(person, chat, message_id: int, new: list[dict], old: list[dict] = ()) -> dict:
    return {
        "chat": chat.as_chat(),
        "message_id": message_id,
        "user": person.as_user(),
        "date": 1_800_000_000,
        "old_reaction": list(old),
        "new_reaction": new,
    }


@pytest.fixture
async def linked(play):
    """The sample group, linked to two deals, in which everybody has said something."""
    cafe, office, _ = play.stage.world.deals
    await play.link(cafe)
    await play.link(office)
    await play.words(play.stage.world.igor, "Всем привет", cafe, office)
    await play.words(play.stage.world.anna, "Когда доставка?", cafe, office)
    return play


def id_of(play, text: str) -> int:
    return next(message["message_id"] for message in play.messages() if message.get("text") == text)


# From Telegram into the cards


async def test_a_persons_latest_reaction_stands_in_every_deal(linked):
    stage, world = linked.stage, linked.stage.world
    question, igor = id_of(linked, "Когда доставка?"), world.igor
    for now, shown in [
        (("👍",), {igor.name: "👍"}),
        (("👍", "🔥"), {igor.name: "🔥"}),
        (("👍",), {igor.name: "👍"}),
        ((), {}),
    ]:
        stage.telegram.react(igor, linked.chat, question, *now)
        for deal in world.deals[:2]:
            await shows(stage, deal, "Когда доставка?", shown)
    stage.telegram.react(igor, linked.chat, question, "👍")
    stage.telegram.react(world.anna, linked.chat, question, "❤")
    for deal in world.deals[:2]:
        await shows(stage, deal, "Когда доставка?", {igor.name: "👍", world.anna.name: "❤"})
    texts = stage.texts(world.cafe)
    await clean(stage)
    assert stage.texts(world.cafe) == texts, "a reaction is neither a message nor an edit"
    assert not any(item.is_edited for item in stage.feed(world.cafe))


async def test_a_reaction_to_an_answer_stands_at_the_answer_and_at_its_imports(linked):
    stage, world = linked.stage, linked.stage.world
    linked.answer(world.cafe, "Завтра в десять")
    await linked.says("Завтра в десять")
    stage.telegram.react(world.anna, linked.chat, id_of(linked, "Завтра в десять"), "🙏")
    for deal in world.deals[:2]:
        await shows(stage, deal, "Завтра в десять", {world.anna.name: "🙏"})
    await clean(stage)


async def test_a_reaction_that_overtakes_its_message_waits_for_it(linked):
    stage, world = linked.stage, linked.stage.world
    coming = await last_known(stage) + 1
    await take_in(stage, reaction_of(world.igor, linked.chat, coming, [{"type": "emoji", "emoji": "🔥"}]), 1)
    decided = "SELECT count(*) FROM outbox WHERE kind = 'tg.reacted' AND state = 'pending'"
    with trio.fail_after(30):
        while not await stage.count(decided):  # noqa: ASYNC110 - a database has no event
            await trio.sleep(0.02)
    linked.write(world.anna, "Обогнали")
    for deal in world.deals[:2]:
        await stage.until(lambda deal=deal: any("Обогнали" in text for text in stage.texts(deal)), "the message")
        await shows(stage, deal, "Обогнали", {world.igor.name: "🔥"})
    await clean(stage)


async def test_a_reaction_to_something_that_no_card_shows_is_let_go(linked):
    stage, world = linked.stage, linked.stage.world
    menu = await linked.menu(world.anna)
    linked.write(world.igor, "Дальше")
    stage.telegram.react(world.igor, linked.chat, menu, "👍")
    await stage.settled()
    gone = await stage.count("SELECT count(*) FROM outbox WHERE kind = 'tg.reacted' AND error IS NOT NULL")
    assert gone == 1
    await clean(stage)


async def test_reactions_in_a_group_without_deals_cost_nothing(play):
    stage, world = play.stage, play.stage.world
    stage.telegram.react(world.igor, play.chat, play.write(world.anna, "Между собой"), "👍")
    await stage.settled()
    assert await stage.count("SELECT count(*) FROM outbox WHERE kind = 'tg.reacted'") == 0
    await clean(stage)


async def test_what_amocrm_does_not_take_becomes_one_line(linked):
    stage, world = linked.stage, linked.stage.world
    stage.amo.switches = replace(stage.amo.switches, reactions="declared")
    stage.amo.world.channel = replace(stage.amo.world.channel, reactions=("👍", "❤\ufe0f"))
    question, igor = id_of(linked, "Когда доставка?"), world.igor
    stage.telegram.react(igor, linked.chat, question, "👍")
    await shows(stage, world.cafe, "Когда доставка?", {igor.name: "👍"})
    line = f"{igor.name}: реакция 🔥 на «Когда доставка?»"
    for now in [("🔥",), (), ("🔥",)]:
        stage.telegram.react(igor, linked.chat, question, *now)
    for deal in world.deals[:2]:
        await stage.until(lambda deal=deal: any("реакция 🔥" in text for text in stage.texts(deal)), "the line")
        await shows(stage, deal, "Когда доставка?", {})
    await stage.settled()
    for deal in world.deals[:2]:
        (told,) = [item for item in stage.feed(deal) if "реакция 🔥" in item.text]
        assert (told.text, told.silent) == (line, True)
    stage.telegram.react(igor, linked.chat, question, "❤")
    await shows(stage, world.cafe, "Когда доставка?", {igor.name: "❤\ufe0f"})
    await clean(stage, "not among the reactions of the channel")


async def test_somebody_whom_amocrm_does_not_let_react_is_named_in_a_line(linked):
    stage, world = linked.stage, linked.stage.world
    stage.amo.switches = replace(stage.amo.switches, unknown_reactor="refuse")
    stage.telegram.react(world.maria, linked.chat, id_of(linked, "Когда доставка?"), "👏")
    line = f"{world.maria.name}: реакция 👏"
    await stage.until(lambda: any(line in text for text in stage.texts(world.cafe)), "the line")
    await clean(stage, "nobody in this chat has this id")


async def test_a_message_that_amocrm_does_not_show_yet_is_waited_for(linked):
    stage, world = linked.stage, linked.stage.world
    stage.amo.switches = replace(stage.amo.switches, visibility_delay_s=1.0)
    message = linked.write(world.anna, "Скоро видно")
    stage.telegram.react(world.igor, linked.chat, message, "🔥")
    stage.telegram.react(world.igor, linked.chat, message, "🎉")
    for deal in world.deals[:2]:
        await stage.until(lambda deal=deal: any("Скоро видно" in text for text in stage.texts(deal)), "the message")
        await shows(stage, deal, "Скоро видно", {world.igor.name: "🎉"})
    await clean(stage, "no such message in this chat")


async def test_whoever_hides_behind_the_group_reacts_as_the_group(linked):
    stage, world = linked.stage, linked.stage.world
    linked_line = linked.linked_line
    assert any(linked_line in text for text in stage.texts(world.cafe)), "the group itself has spoken in the card"
    stage.telegram.react(world.anna, linked.chat, id_of(linked, "Всем привет"), "👌", actor=linked.chat)
    await stage.until(lambda: reactions(stage, world.cafe, "Всем привет"), "the reaction")
    ((who, emoji),) = reactions(stage, world.cafe, "Всем привет").items()
    assert linked.chat.title in who
    assert emoji == "👌"
    await clean(stage)


async def test_an_employees_reaction_is_the_amocrm_users(linked):
    stage, world = linked.stage, linked.stage.world
    await upsert(
        stage.service.services.db,
        Employee(account_id=stage.account.account_id, user_id=world.maria.id, amo_user_id=world.olga.id),
    )
    await stage.service.refresh()
    linked.answer(world.cafe, "Добрый день")  # Olga opens the chats: only then she has an id in them
    await linked.says("Добрый день")
    await stage.service.services.db.execute(
        "UPDATE users SET amojo_id = $1 WHERE user_id = $2",
        stage.world.account.open_chats(world.olga),
        world.olga.id,
    )
    stage.telegram.react(world.maria, linked.chat, id_of(linked, "Когда доставка?"), "👀")
    for deal in world.deals[:2]:
        await shows(stage, deal, "Когда доставка?", {world.olga.name: "👀"})
    await clean(stage)


async def test_custom_and_paid_reactions(linked):
    stage, world = linked.stage, linked.stage.world
    question, chat = await last_known(stage), linked.chat
    await take_in(stage, reaction_of(world.igor, chat, question, [{"type": "paid"}]), 1)
    await shows(stage, world.cafe, "Когда доставка?", {world.igor.name: "⭐"})
    custom = {"type": "custom_emoji", "custom_emoji_id": "5368324170671202286"}
    await take_in(stage, reaction_of(world.igor, chat, question, [custom], [{"type": "paid"}]), 2)
    line = f"{world.igor.name}: реакция особый эмодзи"
    await stage.until(lambda: any(line in text for text in stage.texts(world.cafe)), "the line")
    await shows(stage, world.cafe, "Когда доставка?", {})
    await clean(stage)


async def test_bots_do_not_react(linked):
    stage, world = linked.stage, linked.stage.world
    thumb = [{"type": "emoji", "emoji": "👍"}]
    await take_in(stage, reaction_of(world.sales_bot, linked.chat, await last_known(stage), thumb), 1)
    await stage.settled()
    assert await stage.count("SELECT count(*) FROM outbox WHERE kind = 'tg.reacted'") == 0
    assert reactions(stage, world.cafe, "Когда доставка?") == {}


# From the cards to Telegram


@pytest.mark.parametrize("form", BOTH_FORMS)
async def test_the_bot_shows_the_latest_of_the_managers_reactions(linked, form):
    stage, world = linked.stage, linked.stage.world
    stage.amo.switches = replace(stage.amo.switches, reaction_hook=form)
    account, chat, question = world.account, linked.chat, id_of(linked, "Когда доставка?")
    here, there = (amo_id(stage, deal, "Когда доставка?") for deal in world.deals[:2])

    async def bot_shows(emoji: str | None) -> None:
        await stage.until(lambda: stage.telegram.bot_reaction(chat, question) == emoji, f"the bot shows {emoji}")

    stage.amo.react(account, here, world.olga, "❤\ufe0f")
    await bot_shows("❤")
    await shows(stage, world.office, "Когда доставка?", {world.olga.name: "❤\ufe0f"})
    stage.amo.react(account, there, world.dmitry, "🔥")
    await bot_shows("🔥")
    both = {world.olga.name: "❤\ufe0f", world.dmitry.name: "🔥"}
    await shows(stage, world.cafe, "Когда доставка?", both)
    await shows(stage, world.office, "Когда доставка?", both)
    stage.amo.react(account, there, world.dmitry, None)
    await bot_shows("❤")
    await shows(stage, world.cafe, "Когда доставка?", {world.olga.name: "❤\ufe0f"})
    stage.amo.react(account, here, world.olga, None)
    await bot_shows(None)
    await shows(stage, world.office, "Когда доставка?", {})
    await clean(stage)


async def test_a_manager_reacts_to_an_answer_in_a_deal_that_imported_it(linked):
    stage, world = linked.stage, linked.stage.world
    linked.answer(world.cafe, "Завтра")
    await linked.says("Завтра")
    await stage.until(lambda: any("Завтра" in text for text in stage.texts(world.office)), "the import")
    stage.amo.react(world.account, amo_id(stage, world.office, "Завтра"), world.dmitry, "👍")
    answer = id_of(linked, "Завтра")
    await stage.until(lambda: stage.telegram.bot_reaction(linked.chat, answer) == "👍", "the bot's reaction")
    await shows(stage, world.cafe, "Завтра", {world.dmitry.name: "👍"})
    await clean(stage)


async def test_what_telegram_does_not_have_is_told_in_one_line(linked):
    stage, world = linked.stage, linked.stage.world
    here = amo_id(stage, world.cafe, "Когда доставка?")
    for emoji in ("🫠", None, "🫠"):
        stage.amo.react(world.account, here, world.olga, emoji)
    await shows(stage, world.office, "Когда доставка?", {world.olga.name: "🫠"})
    await stage.settled()
    (line,) = [item for item in stage.feed(world.cafe) if "не показана" in item.text]
    assert line.text == (
        f"⚠️ Реакция 🫠 на «Когда доставка?» ({world.olga.name}) в Telegram не показана: среди реакций Telegram её нет"
    )
    assert line.silent
    assert not any("не показана" in text for text in stage.texts(world.office))
    assert stage.telegram.bot_reaction(linked.chat, id_of(linked, "Когда доставка?")) is None
    await clean(stage)


async def test_a_refusal_of_telegram_is_told_and_holds_up_nothing(linked):
    stage, world = linked.stage, linked.stage.world
    linked.chat.allowed_reactions = frozenset({"👍"})
    stage.amo.react(world.account, amo_id(stage, world.cafe, "Когда доставка?"), world.olga, "🔥")
    reason = "в этом чате такие реакции выключены"
    await stage.until(lambda: any(reason in text for text in stage.texts(world.cafe)), "the line")
    linked.answer(world.cafe, "Но ответы идут")
    await linked.says("Но ответы идут")
    await shows(stage, world.office, "Когда доставка?", {world.olga.name: "🔥"})
    await clean(stage)


async def test_a_flood_wait_of_hours_costs_the_reaction_and_nothing_else(linked):
    stage, world = linked.stage, linked.stage.world
    flood = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 7200}}
    stage.telegram.faults.answer("setMessageReaction", status=429, body=flood)
    stage.amo.react(world.account, amo_id(stage, world.cafe, "Когда доставка?"), world.olga, "🔥")
    reason = "Telegram просит бота подождать слишком долго"
    await stage.until(lambda: any(reason in text for text in stage.texts(world.cafe)), "the line")
    linked.answer(world.cafe, "Ответы идут")
    await linked.says("Ответы идут")
    await clean(stage)


async def test_what_comes_back_of_our_own_reactions_goes_nowhere(linked):
    """Were it taken for the manager's, two quick changes would chase each other through the deals for ever."""
    stage, world = linked.stage, linked.stage.world
    stage.amo.switches = replace(stage.amo.switches, user_import_hook=True)
    here = amo_id(stage, world.cafe, "Когда доставка?")
    for emoji in ("👍", "🔥", "🎉", "🔥", "👍"):
        stage.amo.react(world.account, here, world.olga, emoji)
    for deal in world.deals[:2]:
        await shows(stage, deal, "Когда доставка?", {world.olga.name: "👍"})
    await stage.until(lambda: all(hook.status == 200 for hook in stage.amo.hooks), "the answers to the hooks")
    await stage.settled()
    assert await stage.count("SELECT count(*) FROM inbox WHERE result = 'our own'") >= 5
    for deal in world.deals[:2]:
        assert reactions(stage, deal, "Когда доставка?") == {world.olga.name: "👍"}
    assert stage.telegram.bot_reaction(linked.chat, id_of(linked, "Когда доставка?")) == "👍"
    await clean(stage)


async def test_robots_and_strangers_do_not_react(linked):
    stage, world = linked.stage, linked.stage.world
    account = stage.service.services.registry.account(stage.account.account_id)
    here, conversation = amo_id(stage, world.cafe, "Когда доставка?"), f"g1-d{world.cafe}-u{world.anna.id}"
    for user in (
        {"id": stage.service.services.channel_bot_id},
        {"id": "00000000-0000-4000-8000-000000000000"},
        {"id": "u", "client_id": f"tgu-{world.anna.id}"},
        {},
    ):
        reaction = {
            "msgid": here,
            "user": user,
            "conversation": {"id": "c", "client_id": conversation},
            "type": "react",
            "emoji": "👍",
        }
        hook = {"account_id": account.row.amojo_id, "time": 1_800_000_000, "action": {"reaction": reaction}}
        await stage.service.intake.accept_hook(account, orjson.dumps(hook))
    await stage.settled()
    ignored = "SELECT count(*) FROM inbox WHERE source = 'amojo-reaction' AND result LIKE 'ignored%'"
    assert await stage.count(ignored) == 4
    assert stage.telegram.bot_reaction(linked.chat, id_of(linked, "Когда доставка?")) is None
    await clean(stage)


# Private chats


async def test_private_chats_both_ways(stage):
    world, telegram = stage.world, stage.telegram
    written = telegram.write(world.anna, world.sales_bot, "Здравствуйте")["message_id"]
    chat = telegram.private_chat(world.anna, world.sales_bot)
    item = await stage.in_card(world.anna, "Здравствуйте")

    def shown() -> dict[str, str]:
        card = next(one for one in stage.card(world.anna) if one.text == "Здравствуйте")
        return {one.by: one.emoji for one in card.reactions}

    telegram.react(world.anna, world.sales_bot, written, "👍")
    await stage.until(lambda: shown().get(world.anna.name) or "👍" in shown().values(), "the person's reaction")
    telegram.react(world.anna, world.sales_bot, written)
    await stage.until(lambda: shown() == {}, "no reaction")
    stage.amo.react(world.account, item.amo_id, world.olga, "👍🏽")
    await stage.until(lambda: telegram.bot_reaction(chat, written) == "👍", "the manager's reaction")
    stage.amo.react(world.account, item.amo_id, world.olga, "🫠")
    await stage.until(lambda: any("🫠" in text for text in stage.card_texts(world.anna)), "the line")
    await stage.until(lambda: telegram.bot_reaction(chat, written) is None, "the old one is taken off")
    await clean(stage)


# Any interleaving


@pytest.mark.parametrize("seed", range(3))
async def test_any_interleaving_ends_with_the_right_state_on_both_sides(linked, seed, monkeypatch):
    # These managers change their minds faster than a person can, which is what echoes are known by.
    monkeypatch.setattr(reaction_posting, "ECHO_S", 0.0)
    stage, world = linked.stage, linked.stage.world
    rng = random.Random(seed)
    account, chat, deals = world.account, linked.chat, world.deals[:2]
    said = {text: id_of(linked, text) for text in ("Всем привет", "Когда доставка?")}
    ids = {(deal, text): amo_id(stage, deal, text) for deal in deals for text in said}
    people = {(person.name, text): () for person in (world.anna, world.igor) for text in said}
    managers: dict[str, dict[str, str | None]] = {text: {} for text in said}
    card_of: dict[str, int] = {}

    async def told() -> None:
        await stage.until(lambda: all(hook.status == 200 for hook in stage.amo.hooks), "the answers to the hooks")

    for _ in range(40):
        text = rng.choice(list(said))
        if rng.random() < 0.5:
            person = rng.choice([world.anna, world.igor])
            now = people[person.name, text]
            emoji = rng.choice("👍🔥🎉")
            now = tuple(one for one in now if one != emoji) if emoji in now else (*now, emoji)
            people[person.name, text] = now
            stage.telegram.react(person, chat, said[text], *now)
        else:
            manager, emoji = rng.choice(world.managers), rng.choice(["👍", "🔥", "🎉", "🫠", None])
            deal = rng.choice(deals)
            if card_of.get(text) not in (None, deal):
                await told()  # hooks of different chats come side by side, and nothing in them tells what was first
            card_of[text] = deal
            managers[text].pop(manager.name, None)
            managers[text][manager.name] = emoji
            stage.amo.react(account, ids[deal, text], manager, emoji)
        if rng.random() < 0.2:
            await stage.settled()
    await told()
    await stage.settled()
    for text, message_id in said.items():
        expected = {name: now[-1] for (name, about), now in people.items() if about == text and now}
        expected |= {name: emoji for name, emoji in managers[text].items() if emoji}
        for deal in deals:
            assert reactions(stage, deal, text) == expected
        standing = [emoji for emoji in managers[text].values() if emoji and emoji != "🫠"]
        assert stage.telegram.bot_reaction(chat, message_id) == (standing[-1] if standing else None)
    await clean(stage)
