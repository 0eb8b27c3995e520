"""Answers that a group does not let in: the manager reads why, and once the reason is gone the next one arrives."""

from __future__ import annotations

import pytest

from dealgram.actors import texts


@pytest.fixture
async def group(stage, play_in):
    """A group that is linked to a deal and whose bot is an ordinary member."""
    chat = stage.telegram.create_group("Кофейня, рабочая", stage.world.anna)
    stage.telegram.add_member(chat, stage.world.sales_bot, by=stage.world.anna)
    play = play_in(chat)
    await play.link(stage.world.cafe)
    await stage.settled()
    return play


def answer(group, text: str) -> str:
    stage = group.stage
    return stage.amo.answer(stage.world.account, stage.chat_of_group(stage.world.cafe), stage.world.olga, text)


FORBIDDEN = "В этой группе боту нельзя отправлять текстовые сообщения. Попросите администратора группы"


@pytest.mark.parametrize("who", ["everybody", "the bot"])
async def test_a_right_that_is_taken_and_given_back(group, who):
    stage, bot = group.stage, group.stage.world.sales_bot

    def forbid(*rights: str) -> None:
        if who == "everybody":
            stage.telegram.forbid(group.chat, *rights)
        else:
            stage.telegram.restrict(group.chat, bot, *rights)

    forbid("can_send_messages")
    for text in ("Раз", "Два"):
        told = await stage.status(answer(group, text))
        assert told.status.startswith(FORBIDDEN)
        assert told.error_code == 905
    forbid()
    assert (await stage.status(answer(group, "Три"))).status == "delivered"
    assert [message["text"] for message in group.messages()[-1:]] == ["Три"]
    await stage.assert_undisturbed()
    stage.assert_clean()


async def test_a_bot_that_is_removed_and_brought_back(group):
    stage, world = group.stage, group.stage.world
    stage.telegram.remove_member(group.chat, world.sales_bot, by=world.anna)
    await stage.until(lambda: any("Бота удалили из группы" in text for text in stage.texts(world.cafe)), "the line")
    for text in ("Раз", "Два"):
        told = await stage.status(answer(group, text))
        assert (told.status, told.error_code) == (texts.REASON_KICKED, 905)
    stage.telegram.add_member(group.chat, world.sales_bot, by=world.anna)
    await stage.settled()
    assert (await stage.status(answer(group, "Три"))).status == "delivered"
    await stage.assert_undisturbed()
    stage.assert_clean()
