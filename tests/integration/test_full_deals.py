"""A deal to which amoCRM attaches no more contacts (error 330): people are told, and no message is lost."""

from __future__ import annotations

import dataclasses

import pytest

from dealgram.actors import texts
from dealgram.actors.groups import deal_room
from dealgram.persistence import accounts
from dealgram.sandbox.amocrm import Switches as AmoSwitches


@pytest.fixture
def amo_switches() -> AmoSwitches:
    return AmoSwitches(rest_rate_per_s=None, contacts_per_lead=1)


async def test_who_finds_no_room_in_a_deal_speaks_in_the_groups_own_chat(stage):
    world = stage.world
    for person in (world.anna, world.igor, world.maria):
        stage.telegram.write(person, world.group, "Я здесь")
    await stage.settled()
    await stage.link(world.cafe)
    await stage.until(lambda: texts.DEAL_IS_FULL_LINE in stage.texts(world.cafe), "the line about the full deal")
    for person in (world.anna, world.igor, world.maria):
        stage.telegram.write(person, world.group, f"Пишет {person.first_name}")
    await stage.settled()

    assert len(stage.amo.contacts_of_lead(world.account, world.cafe)) == 1
    shown = stage.texts(world.cafe)
    assert shown.count(texts.DEAL_IS_FULL_LINE) == 1
    for person in (world.anna, world.igor, world.maria):
        assert sum(text.endswith(f"Пишет {person.first_name}") for text in shown) == 1
    outside = [text for text in shown if ": Пишет" in text]
    assert len(outside) == 3, "the group's own contact alone fills the deal"
    await stage.assert_undisturbed()


def room_for(stage, contacts: int | None) -> None:
    """From now on amoCRM attaches so many contacts to a deal."""
    stage.amo.switches = dataclasses.replace(stage.amo.switches, contacts_per_lead=contacts)


def notes(stage, deal: int) -> list[str]:
    return [note.params["text"] for note in stage.amo.notes(stage.world.account, deal)]


async def own_chat(stage, deal: int):
    """The group's own chat of a deal, wherever amoCRM shows it."""
    key = await stage.service.services.db.fetchval(
        "SELECT conversation_id FROM conversations WHERE deal_id = $1 AND user_id IS NULL AND group_id IS NOT NULL",
        deal,
    )
    return stage.amo.chat(stage.world.account, key)


async def test_a_deal_without_room_for_the_group_is_not_linked_and_the_group_hears_why(stage, play):
    world = stage.world
    room_for(stage, 0)
    question = await play.ask(world.anna)
    play.write(world.anna, str(world.cafe), reply_to=question)
    refusal = await play.says("amoCRM не добавляет новых", question)
    assert "Открепите" in refusal["text"]
    play.write(world.igor, "Никуда")
    await stage.settled()
    assert await stage.count("SELECT count(*) FROM links") == 0
    assert "Никуда" not in stage.texts(world.cafe)
    assert notes(stage, world.cafe) == []

    # Somebody makes room, and the question still stands.
    room_for(stage, None)
    play.write(world.anna, str(world.cafe), reply_to=refusal["message_id"])
    await play.says("Готово: группа связана", question)
    await stage.until(lambda: play.linked_line in stage.texts(world.cafe), "linked")
    await stage.quiet()
    (own,) = play.own_chats(world.cafe)
    assert stage.amo.contacts_of_lead(world.account, world.cafe).keys() >= {own.contact_id}
    assert all("too many contacts" in one for one in stage.amo.violations)
    await stage.assert_undisturbed()


async def test_when_the_room_is_lost_later_no_message_is_and_a_note_says_where_they_are(stage, play, monkeypatch):
    monkeypatch.setattr(deal_room, "TRY_AGAIN_S", 0.0)
    world, account = stage.world, stage.world.account
    room_for(stage, 1)
    await play.link(world.cafe)
    (own,) = play.own_chats(world.cafe)
    deals = set(account.leads)
    room_for(stage, 0)
    stage.amo.unlink(account, world.cafe, own.contact_id)
    for number in range(3):
        play.write(world.igor, f"Вопрос {number}")
    await stage.settled()

    chat = await own_chat(stage, world.cafe)
    history = [item.text for item in stage.amo.history(account, chat.uuid)]
    assert [text for text in history if "Вопрос" in text] == [f"{world.igor.name}: Вопрос {n}" for n in range(3)]
    told = [note for note in notes(stage, world.cafe) if "слишком много контактов" in note]
    assert len(told) == 1
    assert f"/contacts/detail/{own.contact_id}" in told[0]
    assert set(account.leads) == deals, "nothing began a deal of its own"
    answer = stage.amo.answer(account, chat.uuid, world.olga, "Отвечаем")
    assert (await stage.status(answer)).status == "delivered"
    assert "Отвечаем" in stage.group_texts()

    room_for(stage, None)
    play.write(world.igor, "Последний вопрос")
    await stage.until(lambda: any("Последний вопрос" in text for text in stage.texts(world.cafe)), "the deal has room")
    await stage.settled()
    shown = "\n".join(stage.texts(world.cafe))
    assert all(shown.count(f"Вопрос {number}") == 1 for number in range(3))
    assert await stage.count("SELECT count(*) FROM dead_letters") == 0
    await stage.assert_undisturbed()


async def test_with_one_chat_per_person_a_full_deal_holds_up_nobody(stage, play):
    world, services = stage.world, stage.service.services
    await accounts.change_settings(services.db, stage.account.account_id, {"policy": "participant"})
    await stage.service.refresh()
    await play.link(world.cafe)
    await play.link(world.office)
    full = len(stage.amo.contacts_of_lead(world.account, world.cafe))
    for deal in (world.cafe, world.office):
        assert len(stage.amo.contacts_of_lead(world.account, deal)) == full
    room_for(stage, full)
    oleg = stage.telegram.add_person("Олег")
    stage.telegram.add_member(world.group, oleg)
    play.write(oleg, "Я новый")
    await stage.settled()
    posted = "SELECT count(*) FROM messages WHERE direction = 'in' AND conversation_id LIKE $1"
    assert await stage.count(posted, f"%-u{oleg.id}") == 1
    for deal in (world.cafe, world.office):
        assert len([note for note in notes(stage, deal) if "контакты новых участников" in note]) == 1
    await stage.assert_undisturbed()
