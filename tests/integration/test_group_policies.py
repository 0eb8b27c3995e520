"""The conversation policies against both answers to the question that amoCRM leaves open: in which of a contact's deals
a chat is shown. The table in docs/conversation-policies.md is this test's table in words."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from dealgram.actors import texts
from dealgram.persistence import accounts
from dealgram.sandbox.amocrm import Switches


@dataclass(frozen=True)
class Shown:
    """What stands in the cards of the coffee house (unlinked at the end) and the office."""

    cafe: list[str]
    office: list[str]
    cafe_after: list[str]
    office_after: list[str]


EXACT = Shown(
    cafe=["Раз", "Два", "Ответ"],
    office=["Раз", "Два", "Ответ"],
    cafe_after=["Раз", "Два", "Ответ"],
    office_after=["Раз", "Два", "Три", "Ответ"],
)
TABLE = {
    ("deal_participant", "latest_lead"): EXACT,
    # Both of a person's chats belong to one contact, who is in both deals: each card shows both.
    ("deal_participant", "every_lead"): Shown(
        cafe=["Раз", "Раз", "Два", "Два", "Ответ"],
        office=["Раз", "Раз", "Два", "Два", "Ответ"],
        cafe_after=["Раз", "Раз", "Два", "Два", "Три"],
        office_after=["Раз", "Раз", "Два", "Два", "Три", "Ответ"],
    ),
    ("deal", "latest_lead"): EXACT,
    # Exact while linked; a card that shows the chats of its contacts loses the group's with the group's contact.
    ("deal", "every_lead"): Shown(cafe=EXACT.cafe, office=EXACT.office, cafe_after=[], office_after=EXACT.office_after),
    # A person's only chat is bound to one deal; the others see nothing but answers from the groups' own chats.
    ("participant", "latest_lead"): Shown(
        cafe=["Ответ"], office=EXACT.office, cafe_after=["Ответ"], office_after=EXACT.office_after
    ),
    # Exact while linked; people stay contacts of an unlinked deal, and their chats with them.
    ("participant", "every_lead"): Shown(
        cafe=EXACT.cafe, office=EXACT.office, cafe_after=["Раз", "Два", "Три"], office_after=EXACT.office_after
    ),
}


@pytest.fixture(params=["latest_lead", "every_lead"])
def chat_lead(request):
    return request.param


@pytest.fixture
def amo_switches(chat_lead):
    return Switches(rest_rate_per_s=None, chat_lead=chat_lead)


@pytest.fixture
async def choose(stage):
    """Choose the account's policy."""

    async def choose(policy: str) -> None:
        await accounts.change_settings(stage.service.services.db, stage.account.account_id, {"policy": policy})
        await stage.service.refresh()

    return choose


def spoken(play, deal: int) -> list[str]:
    """What the card shows, answers last: Telegram dates messages by whole seconds, amoCRM by milliseconds."""
    lines = [text.rpartition(": ")[2] for text in play.written(deal)]
    return sorted(lines, key=["Раз", "Два", "Три", "Ответ"].index)


@pytest.mark.parametrize("policy", ["deal_participant", "deal", "participant"])
async def test_what_the_cards_show(play, choose, policy, chat_lead):
    world, stage = play.stage.world, play.stage
    await choose(policy)
    await play.link(world.cafe)
    await play.link(world.office)
    await play.words(world.igor, "Раз", world.office)
    await play.words(world.maria, "Два", world.office)
    answer = play.answer(world.cafe, "Ответ")
    assert (await stage.status(answer)).status == "delivered"
    await stage.quiet()
    before = spoken(play, world.cafe), spoken(play, world.office)
    await play.unlink(world.cafe)
    await play.words(world.igor, "Три", world.office)
    shown = Shown(*before, spoken(play, world.cafe), spoken(play, world.office))

    assert shown == TABLE[policy, chat_lead]
    assert stage.group_texts().count("Ответ") == 1
    for person in (world.igor, world.maria):  # people are contacts of the deals under every policy
        (contact,) = play.contacts(person)
        assert contact in stage.amo.contacts_of_lead(world.account, world.office)
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_under_deal_the_author_stands_before_the_text_and_is_the_sender(play, choose):
    world, stage = play.stage.world, play.stage
    await choose("deal")
    await play.link(world.cafe)
    await play.words(world.igor, "Привет", world.cafe)
    (item,) = [item for item in stage.feed(world.cafe) if "Привет" in item.text]
    assert item.text == "Игорь Петров: Привет"
    assert item.author == "Игорь Петров"
    assert len(stage.amo.chats_of_lead(world.account, world.cafe)) == 1
    assert stage.amo.unsorted(world.account) == []


async def test_under_participant_one_chat_serves_all_deals_and_is_refused_once_none_is_linked(play, choose):
    world, stage = play.stage.world, play.stage
    await choose("participant")
    await play.link(world.cafe)
    await play.words(world.igor, "Привет", world.cafe)
    chats = [chat for chat in world.account.chats.values() if chat.client_id.endswith(f"-u{world.igor.id}")]
    (chat,) = chats
    answer = stage.amo.answer(world.account, chat.uuid, world.olga, "Здравствуйте, Игорь")
    assert (await stage.status(answer)).status == "delivered"
    assert stage.group_texts().count("Здравствуйте, Игорь") == 1
    await play.unlink(world.cafe)
    late = stage.amo.answer(world.account, chat.uuid, world.olga, "Ещё здесь?")
    assert (await stage.status(late)).status == texts.REASON_NOT_LINKED
    assert "Ещё здесь?" not in stage.group_texts()


@pytest.mark.parametrize("policy", ["deal_participant", "deal", "participant"])
async def test_those_who_are_no_persons_speak_as_the_group_and_get_no_contact(play, choose, policy):
    world, stage = play.stage.world, play.stage
    await choose(policy)
    await play.link(world.cafe)
    contacts = set(world.account.contacts)
    play.write(world.anna, "Объявление", anonymous=True)
    channel = {"id": -1001500000001, "type": "channel", "title": "Новости кофейни"}
    message = {
        "message_id": 9001,
        "date": int(stage.feed(world.cafe)[-1].at) + 1,
        "chat": play.chat.as_chat(),
        "from": {"id": 136817688, "is_bot": True, "first_name": "Channel", "username": "Channel_Bot"},
        "sender_chat": channel,
        "text": "Мы открылись",
    }
    stage.telegram.inject(play.bot, {"message": message})
    forward = message | {
        "message_id": 9002,
        "from": {"id": 777000, "is_bot": False, "first_name": "Telegram"},
        "is_automatic_forward": True,
        "text": "Скидки",
    }
    stage.telegram.inject(play.bot, {"message": forward})
    await stage.until(lambda: any("Скидки" in text for text in play.written(world.cafe)), "the channel's post")
    await stage.quiet()
    own = play.own_chats(world.cafe)[0].chat_uuid
    assert [item.text for item in stage.amo.history(world.account, own) if not item.silent] == [
        f"{texts.ADMINISTRATOR_OF_GROUP}: Объявление",
        "Канал «Новости кофейни»: Мы открылись",
        "Канал «Новости кофейни»: 📢 Запись в канале\nСкидки",
    ]
    assert set(world.account.contacts) == contacts
    stage.amo.assert_clean()
