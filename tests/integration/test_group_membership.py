"""The bot's place in a group, and the group's people: what managers see of it and what people read."""

from __future__ import annotations

import pytest

from dealgram.actors import texts


@pytest.fixture
def new_group(stage, play_in):
    """Make a group of Anna's with Igor in it and a bot that was just added."""

    def make(bot, *, kind="supergroup"):
        chat = stage.telegram.create_group("Склад", stage.world.anna, kind=kind)
        stage.telegram.add_member(chat, stage.world.igor)
        stage.telegram.add_member(chat, bot)
        return play_in(chat, bot)

    return make


@pytest.mark.parametrize("privacy_mode", [False, True], ids=["sees everything", "privacy mode"])
async def test_the_greeting_tells_whether_the_bot_sees_everything(stage, new_group, privacy_mode):
    bot = stage.telegram.add_bot("Север Склад", "sever_store_bot", privacy_mode=privacy_mode)
    await stage.playground.connect_bot(stage.service, stage.account, bot, stage.world.sales)
    play = new_group(bot)
    greeting = await play.says("Здравствуйте!")
    assert ("сделайте его администратором" in greeting["text"]) is privacy_mode
    assert next(iter(play.buttons(greeting["message_id"]))) == texts.LINK_BUTTON
    await stage.quiet()
    assert len(play.said("Здравствуйте!")) == 1


async def test_in_privacy_mode_the_group_can_be_linked_and_after_promotion_everything_is_seen(stage, new_group):
    bot = stage.telegram.add_bot("Север Склад", "sever_store_bot", privacy_mode=True)
    await stage.playground.connect_bot(stage.service, stage.account, bot, stage.world.sales)
    play, world = new_group(bot), stage.world
    await play.says("Здравствуйте!")
    await play.link(world.repair)
    play.write(world.igor, "Этого бот не видит")
    stage.telegram.promote(play.chat, bot)
    line = texts.bot_promoted_line("Склад", administrator=True)
    await stage.until(lambda: line in stage.texts(world.repair), "the promotion in the card")
    await play.words(world.igor, "А это видит", world.repair)
    stage.telegram.demote(play.chat, bot)
    line = texts.bot_promoted_line("Склад", administrator=False)
    await stage.until(lambda: line in stage.texts(world.repair), "the demotion in the card")
    assert play.written(world.repair) == ["А это видит"]
    assert [text for text in stage.texts(world.repair) if "администратор" in text] == [
        texts.bot_promoted_line("Склад", administrator=True),
        line,
    ]


@pytest.mark.parametrize("kind", ["group", "supergroup"])
async def test_a_removed_bot_says_so_in_every_deal_and_goes_on_when_it_is_back(stage, new_group, kind):
    play, world = new_group(stage.world.sales_bot, kind=kind), stage.world
    await play.says("Здравствуйте!")
    for deal in (world.cafe, world.office):
        await play.link(deal)
    stage.telegram.remove_member(play.chat, world.sales_bot)
    removed = texts.bot_removed_line("Склад")
    for deal in (world.cafe, world.office):
        await stage.until(lambda deal=deal: removed in stage.texts(deal), "the removal in the card")
    answer = play.answer(world.cafe, "Вы меня слышите?")
    assert (await stage.status(answer)).status == texts.REASON_KICKED
    play.write(world.igor, "Без бота")
    since = play.last_id

    stage.telegram.add_member(play.chat, world.sales_bot)
    greeting = await play.says("Здравствуйте!", since)
    assert any("(2)" in name for name in play.buttons(greeting["message_id"])), "the links are kept"
    stage.telegram.promote(play.chat, world.sales_bot)
    back = texts.bot_returned_line("Склад")
    for deal in (world.cafe, world.office):
        await stage.until(lambda deal=deal: back in stage.texts(deal), "the return in the card")
    await play.words(world.igor, "Снова с ботом", world.cafe, world.office)
    answer = play.answer(world.cafe, "Теперь слышите?")
    assert (await stage.status(answer)).status == "delivered"
    await stage.quiet()
    for deal in (world.cafe, world.office):
        assert sorted(play.written(deal)) == sorted(
            ["Снова с ботом", "Теперь слышите?", *(["Вы меня слышите?"] if deal == world.cafe else [])]
        )
        assert stage.texts(deal).count(removed) == 1
        assert stage.texts(deal).count(back) == 1
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_a_removal_that_the_bot_never_heard_of_is_told_by_the_answer(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    stage.telegram.refuse("sendMessage", 403, "Forbidden: bot was kicked from the group chat")
    answer = play.answer(world.cafe, "Ответ")
    assert (await stage.status(answer)).status == texts.REASON_KICKED
    await stage.assert_undisturbed()


async def test_a_new_title_is_a_line_in_the_deals_and_the_name_from_then_on(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    stage.telegram.rename(play.chat, "Кофейня на Невском")
    line = "✏️ Группа теперь называется «Кофейня на Невском»"
    await stage.until(lambda: line in stage.texts(world.cafe), "the new title in the card")
    await play.link(world.office)
    (own,) = play.own_chats(world.office)
    assert own.name == "Кофейня на Невском (Север Продажи)"
    menu = await play.menu(world.anna)
    assert play.shown(menu)["text"].startswith("Кофейня на Невском\n")


async def test_people_who_come_and_go_leave_a_line_and_only_those_present_become_contacts(play):
    world, stage = play.stage.world, play.stage
    petr = stage.telegram.add_person("Пётр", "Новиков")
    play.write(world.maria, "Я ухожу")
    stage.telegram.remove_member(play.chat, world.maria, by=world.maria)
    await play.link(world.cafe)
    assert play.contacts(world.maria) == []
    stage.telegram.add_member(play.chat, petr, by=world.anna)
    await stage.until(lambda: "➕ В группе: Пётр Новиков" in stage.texts(world.cafe), "the arrival")
    stage.telegram.remove_member(play.chat, petr, by=world.anna)
    await stage.until(lambda: "➖ Нет в группе: Пётр Новиков" in stage.texts(world.cafe), "the departure")
    await stage.quiet()
    assert play.contacts(petr) == []
    assert play.written(world.cafe) == []
    assert stage.amo.unsorted(world.account) == []
    stage.assert_clean()
