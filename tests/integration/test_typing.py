"""«Печатает…»: what managers type in the cards, as people in Telegram see it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dealgram.actors.gestures import typing_relay


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """The pace is a matter of the unit tests; here every hook is shown."""
    monkeypatch.setattr(typing_relay, "EVERY_S", 0.0)


def chat_of(stage, deal: int, person=None) -> str:
    """The chat of a deal's card: the group's own, or a participant's."""
    ending = f"-d{deal}" if person is None else f"-d{deal}-u{person.id}"
    options = stage.amo.chats_of_lead(stage.world.account, deal)
    return next(one.chat_uuid for one in options if one.conversation.endswith(ending))


@pytest.mark.parametrize("form", ["inside", "beside"])
async def test_typing_shows_in_the_group_and_in_private(play, form):
    stage, world = play.stage, play.stage.world
    stage.amo.switches = replace(stage.amo.switches, typing_hook=form)
    await play.link(world.cafe)
    await play.words(world.anna, "Вопрос", world.cafe)
    stage.amo.show_typing(world.account, chat_of(stage, world.cafe, world.anna), world.olga)
    await stage.until(lambda: stage.telegram.actions(play.chat) == [(None, "typing")], "typing in the group")

    stage.telegram.write(world.maria, world.sales_bot, "Здравствуйте")
    await stage.in_card(world.maria, "Здравствуйте")
    private = stage.telegram.private_chat(world.maria, world.sales_bot)
    chat = stage.amo.chat(world.account, f"p{world.sales_bot.id}-{world.maria.id}")
    stage.amo.show_typing(world.account, chat.uuid, world.dmitry)
    await stage.until(lambda: stage.telegram.actions(private) == [(None, "typing")], "typing in private")
    assert [hook.status for hook in stage.amo.hooks] == [200, 200]
    assert await stage.count("SELECT count(*) FROM inbox WHERE source LIKE 'amojo%'") == 0, "typing is not journaled"
    await stage.settled()
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_typing_shows_in_the_topic_where_the_conversation_goes_on(play):
    stage, world, telegram = play.stage, play.stage.world, play.stage.telegram
    group = telegram.create_group("Стройка", world.anna, kind="supergroup")
    telegram.make_forum(group)
    telegram.add_member(group, world.sales_bot, by=world.anna)
    telegram.promote(group, world.sales_bot)
    forum = type(play)(stage, group, world.sales_bot)
    await forum.says("Здравствуйте!")
    await forum.link(world.office)
    topic = telegram.create_topic(world.anna, group, "Доставка")
    telegram.write(world.anna, group, "Когда привезут?", thread=topic)
    await stage.until(lambda: any("Когда привезут?" in text for text in stage.texts(world.office)), "the message")
    await stage.settled()
    stage.amo.show_typing(world.account, chat_of(stage, world.office, world.anna), world.olga)
    await stage.until(lambda: telegram.actions(group) == [(topic, "typing")], "typing in the topic")
    await stage.settled()
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_typing_in_an_unlinked_deal_goes_nowhere(play):
    stage, world = play.stage, play.stage.world
    await play.link(world.cafe)
    await play.words(world.anna, "Вопрос", world.cafe)
    there = chat_of(stage, world.cafe, world.anna)
    await play.unlink(world.cafe)
    stage.amo.show_typing(world.account, there, world.olga)
    stage.telegram.write(world.maria, world.sales_bot, "Здравствуйте")
    await stage.in_card(world.maria, "Здравствуйте")
    chat = stage.amo.chat(world.account, f"p{world.sales_bot.id}-{world.maria.id}")
    await stage.until(lambda: stage.amo.hooks[0].status == 200, "the first hook is answered")
    stage.amo.show_typing(world.account, chat.uuid, world.olga)
    private = stage.telegram.private_chat(world.maria, world.sales_bot)
    await stage.until(lambda: stage.telegram.actions(private), "the later one is shown")
    assert stage.telegram.actions(play.chat) == []
    await stage.assert_undisturbed()


async def test_a_refusal_disturbs_nobody(play):
    stage, world = play.stage, play.stage.world
    await play.link(world.cafe)
    await play.words(world.anna, "Вопрос", world.cafe)
    refused = stage.telegram.faults.answer("sendChatAction", status=400, body={"ok": False, "error_code": 400})
    stage.amo.show_typing(world.account, chat_of(stage, world.cafe, world.anna), world.olga)
    await stage.taken(refused)
    stage.amo.show_typing(world.account, chat_of(stage, world.cafe, world.anna), world.dmitry)
    await stage.until(lambda: stage.telegram.actions(play.chat) == [(None, "typing")], "the next one is shown")
    assert [hook.status for hook in stage.amo.hooks] == [200, 200]
    await stage.assert_undisturbed()
