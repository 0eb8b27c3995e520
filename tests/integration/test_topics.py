"""Forum topics, from a group's people to the cards and back: names, answers, a topic that is linked by itself."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from dealgram.actors import texts
from dealgram.actors.groups import topic_texts
from dealgram.persistence import accounts, links
from dealgram.sandbox import samples
from dealgram.sandbox.amocrm import Attachment, Switches

NAMES = ("Дизайн", "Вёрстка", "Оплата")


@pytest.fixture
def amo_switches():
    return Switches(rest_rate_per_s=None, history_window_s=None)


@dataclass
class Forum:
    """A forum with three topics and what is seen of it."""

    play: object
    design: int
    layout: int
    payment: int

    @property
    def stage(self):
        return self.play.stage

    @property
    def world(self):
        return self.play.stage.world

    def write(self, person, text: str, thread: int | None = None, **more) -> int:
        return self.play.write(person, text, thread=thread, **more)

    async def words(self, person, text: str, thread: int | None, *deals: int) -> int:
        """Write in a topic and wait until all is done; the words stand in these deals and in no other."""
        message_id = self.write(person, text, thread)
        await self.stage.settled()
        for deal in self.world.deals:
            assert any(text in line for line in self.stage.texts(deal)) == (deal in deals), (text, deal)
        return message_id

    def threads(self, words: str) -> list[int | None]:
        """In which topics the bot said something."""
        return [message.get("message_thread_id") for message in self.play.said(words)]

    async def menu(self, person, thread: int | None) -> int:
        since = self.play.last_id
        self.write(person, f"/menu@{self.play.bot.username}", thread)
        return (await self.play.says("Что сделать?", since))["message_id"]

    async def ask(self, person, thread: int | None, button: str) -> int:
        menu = await self.menu(person, thread)
        since = self.play.last_id
        await self.play.press(person, menu, button)
        return (await self.play.says("пришлите ID", since))["message_id"]

    async def link_topic(self, deal: int, thread: int) -> None:
        """«Связать тему со Сделкой» in the topic's own menu, until the card shows it."""
        question = await self.ask(self.world.anna, thread, topic_texts.LINK_TOPIC_BUTTON)
        self.write(self.world.anna, str(deal), thread, reply_to=question)
        await self.stage.until(lambda: any("Тема" in line for line in self.stage.texts(deal)), f"{deal} linked")
        await self.stage.settled()

    async def link_group(self, deal: int) -> None:
        question = await self.ask(self.world.anna, None, texts.LINK_BUTTON)
        self.write(self.world.anna, str(deal), reply_to=question)
        await self.stage.until(lambda: self.play.linked_line in self.stage.texts(deal), f"{deal} linked")
        await self.stage.settled()

    async def answer(self, deal: int, text: str, person=None, **more) -> str:
        """A manager answers from a card, to the end; gives the status."""
        ending = f"-d{deal}" if person is None else f"-d{deal}-u{person.id}"
        account = self.world.account
        chat = next(one for one in self.stage.amo.chats_of_lead(account, deal) if one.conversation.endswith(ending))
        status = await self.stage.status(self.stage.amo.answer(account, chat.chat_uuid, self.world.olga, text, **more))
        await self.stage.settled()
        return status.status


@pytest.fixture
async def forum(stage, play_in, choose) -> Forum:
    """«Мастерская»: Anna's forum with the topics «Дизайн», «Вёрстка» and «Оплата»; the bot is administrator."""
    await choose(topic_links=True)
    telegram, world = stage.telegram, stage.world
    chat = telegram.create_group("Мастерская", world.anna, forum=True)
    for party in (world.igor, world.maria, world.sales_bot):
        telegram.add_member(chat, party, by=world.anna)
    telegram.promote(chat, world.sales_bot)
    play = play_in(chat)
    await play.says("Здравствуйте!")
    threads = [telegram.create_topic(world.anna, chat, name) for name in NAMES]
    await stage.settled()
    return Forum(play, *threads)


async def finish(forum: Forum) -> None:
    forum.stage.assert_clean()
    await forum.stage.assert_undisturbed()


def lines(forum: Forum, deal: int) -> list[str]:
    return forum.play.written(deal)


async def test_each_topic_is_named_in_the_card_and_a_new_name_counts_from_then_on(forum):
    world, telegram = forum.world, forum.stage.telegram
    await forum.link_group(world.cafe)
    await forum.words(world.igor, "Логотип готов?", forum.design, world.cafe)
    await forum.words(world.igor, "Всем привет", None, world.cafe)
    telegram.rename_topic(world.anna, forum.play.chat, forum.design, "Логотип")
    await forum.words(world.igor, "А цвета?", forum.design, world.cafe)
    said = [line for line in lines(forum, world.cafe) if "Игорь" not in line]
    assert said == ["[Дизайн] Логотип готов?", "Всем привет", "[Логотип] А цвета?"]
    await finish(forum)


async def test_the_name_of_a_topic_that_is_older_than_the_bot_is_learned_from_what_is_written_in_it(stage, play_in):
    telegram, world = stage.telegram, stage.world
    chat = telegram.create_group("Мастерская", world.anna, forum=True)
    telegram.add_member(chat, world.igor, by=world.anna)
    old = telegram.create_topic(world.anna, chat, "Смета")
    telegram.add_member(chat, world.sales_bot, by=world.anna)
    telegram.promote(chat, world.sales_bot)
    play = play_in(chat)
    await play.says("Здравствуйте!")
    await play.link(world.cafe)
    play.write(world.igor, "Сколько выходит?", thread=old)
    await stage.settled()
    assert "[Смета] Сколько выходит?" in play.written(world.cafe)
    # The first note of the topic stands under every message of it, and is nobody's quotation.
    assert not any("↩️" in line for line in stage.texts(world.cafe))
    stage.assert_clean()


async def test_answers_return_to_the_topic_of_what_was_said(forum):
    """Topic replies land in General, and so does the typing (telegram-facts §2, complaint 16):

    - https://github.com/BEARlogin/max-telegram-bridge-bot/issues/37 and /38
    - https://github.com/BetaYao/seahelm/issues/149
    - https://github.com/anthropics/claude-plugins-official/issues/1158
    """
    world = forum.world
    await forum.link_group(world.cafe)
    await forum.words(world.igor, "Логотип готов?", forum.design, world.cafe)
    await forum.words(world.maria, "Где счёт?", forum.payment, world.cafe)
    # Without a quotation: where this person was heard last. In the group's own chat nobody has written yet.
    assert await forum.answer(world.cafe, "Да, смотрите", world.igor) == "delivered"
    assert await forum.answer(world.cafe, "Сейчас пришлю", world.maria) == "delivered"
    assert await forum.answer(world.cafe, "Всем хорошего дня") == "delivered"
    assert forum.threads("Да, смотрите") == [forum.design]
    assert forum.threads("Сейчас пришлю") == [forum.payment]
    assert forum.threads("Всем хорошего дня") == [None]
    await forum.words(world.igor, "Общий вопрос", None, world.cafe)
    assert await forum.answer(world.cafe, "Общий ответ", world.igor) == "delivered"
    assert forum.threads("Общий ответ") == [None]
    # With one: where that message stands, although the person has been heard elsewhere since.
    first = next(item for item in forum.stage.feed(world.cafe) if "Логотип готов?" in item.text)
    assert await forum.answer(world.cafe, "Ещё раз: да", world.igor, reply_to=first.amo_id) == "delivered"
    (sent,) = forum.play.said("Ещё раз: да")
    assert sent["message_thread_id"] == forum.design
    assert sent["reply_to_message"]["text"] == "Логотип готов?"
    await finish(forum)


async def test_typing_is_shown_in_the_topic_where_the_answer_will_stand(forum):
    """The other half of complaint 16: https://github.com/BEARlogin/max-telegram-bridge-bot/issues/38."""
    world, stage = forum.world, forum.stage
    await forum.link_group(world.cafe)
    await forum.link_topic(world.office, forum.layout)
    await forum.words(world.igor, "Логотип готов?", forum.design, world.cafe)
    account = world.account
    for deal, ending, thread in (
        (world.cafe, f"-d{world.cafe}-u{world.igor.id}", forum.design),
        (world.office, f"-d{world.office}", forum.layout),
    ):
        chat = next(one for one in stage.amo.chats_of_lead(account, deal) if one.conversation.endswith(ending))
        assert stage.amo.show_typing(account, chat.chat_uuid, world.olga)
        await stage.until(lambda thread=thread: (thread, "typing") in stage.telegram.actions(forum.play.chat), "typing")
    assert {thread for thread, _ in stage.telegram.actions(forum.play.chat)} == {forum.design, forum.layout}


async def test_a_topic_linked_by_itself_is_told_to_its_deals_alone_and_they_write_to_it_alone(forum):
    world, stage = forum.world, forum.stage
    await forum.link_group(world.cafe)
    await forum.link_topic(world.office, forum.design)
    await forum.words(world.igor, "Макет принят", forum.design, world.office)
    await forum.words(world.igor, "Вёрстка начата", forum.layout, world.cafe)
    await forum.words(world.igor, "Всем привет", None, world.cafe)
    assert "Макет принят" in lines(forum, world.office)  # one topic only: its name says nothing new
    assert "[Вёрстка] Вёрстка начата" in lines(forum, world.cafe)
    (own,) = forum.play.own_chats(world.office)
    assert own.name == "Мастерская › Дизайн (Север Продажи)"

    # From either chat of the deal, with or without anybody having written: to the topic.
    assert await forum.answer(world.office, "Спасибо!") == "delivered"
    assert await forum.answer(world.office, "Игорь, счёт у вас", world.igor) == "delivered"
    assert await forum.answer(world.cafe, "Привет!", world.igor) == "delivered"
    assert forum.threads("Спасибо!") == forum.threads("Игорь, счёт у вас") == [forum.design]
    assert forum.threads("Привет!") == [None]
    for text, deal in (("Спасибо!", world.office), ("Игорь, счёт у вас", world.office), ("Привет!", world.cafe)):
        assert [one for one in world.deals if any(text in line for line in stage.texts(one))] == [deal]
    await finish(forum)


async def test_answers_are_shown_in_the_other_deals_of_the_same_topic_only(forum):
    world, stage = forum.world, forum.stage
    await forum.link_group(world.cafe)
    await forum.link_topic(world.office, forum.design)
    await forum.link_topic(world.repair, forum.design)
    assert await forum.answer(world.office, "Начинаем в среду") == "delivered"
    shown = {deal: [line for line in stage.texts(deal) if "среду" in line] for deal in world.deals}
    assert shown == {world.cafe: [], world.office: ["Начинаем в среду"], world.repair: ["Начинаем в среду"]}
    await finish(forum)


@pytest.mark.parametrize("policy", ["deal_participant", "deal", "participant"])
async def test_under_every_policy_each_message_is_where_the_rule_says_once(forum, choose, policy):
    world, stage = forum.world, forum.stage
    await choose(policy=policy)
    await forum.link_group(world.cafe)
    await forum.link_topic(world.office, forum.design)
    for number, thread in enumerate((forum.design, None, forum.layout, forum.design, None), 1):
        deal = world.office if thread == forum.design else world.cafe
        await forum.words(world.igor, f"Слово {number}", thread, deal)
        await forum.words(world.maria, f"И ещё {number}", thread, deal)
    for deal in (world.cafe, world.office):
        said = [line.rpartition(": ")[2].rpartition("] ")[2] for line in lines(forum, deal)]
        assert len(said) == len(set(said))
    for person in (world.igor, world.maria):  # whoever writes in the topic is a contact of its deal
        (contact,) = forum.play.contacts(person)
        assert contact in stage.amo.contacts_of_lead(world.account, world.office)
    await finish(forum)


async def test_contacts_come_into_a_topics_deal_with_who_writes_there_and_not_before(forum, choose):
    world, stage = forum.world, forum.stage
    await choose(policy="deal")
    await forum.link_group(world.cafe)
    forum.write(world.maria, "Видно ли макет?", forum.design)  # before the topic is linked
    await stage.settled()
    await forum.link_topic(world.office, forum.design)

    def attached(person) -> bool:
        there = stage.amo.contacts_of_lead(world.account, world.office)
        return any(contact in there for contact in forum.play.contacts(person))

    assert attached(world.maria)
    assert not attached(world.igor)
    await forum.words(world.igor, "Макет принят", forum.design, world.office)
    assert attached(world.igor)
    await finish(forum)


async def test_the_menu_in_a_topic_speaks_there_and_knows_which_topic_a_deal_belongs_to(forum):
    world, play = forum.world, forum.play
    await forum.link_group(world.cafe)
    await forum.link_topic(world.office, forum.design)
    for words in ("пришлите ID", "Готово: тема"):
        assert set(forum.threads(words)) <= {None, forum.design}
    assert forum.threads("Готово: тема") == [forum.design]

    def offered(menu: int) -> list[str]:
        return [name for name in play.buttons(menu) if "Связать" in name]

    in_general, in_topic = await forum.menu(world.anna, None), await forum.menu(world.anna, forum.layout)
    assert offered(in_general) == [texts.LINK_BUTTON]
    assert offered(in_topic) == [texts.LINK_BUTTON, topic_texts.LINK_TOPIC_BUTTON]
    await play.press(world.anna, in_topic, "Список")
    await forum.stage.until(lambda: "Связанные сделки: 2" in play.shown(in_topic)["text"], "the list")
    assert play.shown(in_topic)["text"].count("Только тема «Дизайн»") == 1

    # A deal is linked to one place: the other wish is refused with the way out of it.
    question = await forum.ask(world.anna, forum.layout, topic_texts.LINK_TOPIC_BUTTON)
    forum.write(world.anna, str(world.office), forum.layout, reply_to=question)
    refused = await play.says("уже связана с темой «Дизайн»")
    assert refused["message_thread_id"] == forum.layout

    # «Отвязать» is the same; then the topic's words are the group's again.
    await play.press(world.anna, in_topic, "Отвязать 2")
    await forum.stage.until(lambda: "от темы «Дизайн»" in play.shown(in_topic)["text"], "the question")
    await play.press(world.anna, in_topic, "Да, отвязать")
    said = await play.says("Тема «Дизайн» отвязана")
    assert said["message_thread_id"] == forum.design
    await forum.stage.settled()
    await forum.words(world.igor, "Снова вместе", forum.design, world.cafe)
    assert await forum.answer(world.cafe, "Да", world.igor) == "delivered"
    assert forum.threads("Да") == [forum.design]
    await finish(forum)


async def test_a_bare_number_is_an_answer_in_the_topic_of_the_question_only(forum):
    world = forum.world
    await forum.link_group(world.cafe)
    await forum.ask(world.anna, forum.design, topic_texts.LINK_TOPIC_BUTTON)
    await forum.words(world.anna, str(world.office), forum.payment, world.cafe)
    forum.write(world.anna, str(world.office), forum.design)
    await forum.play.says("Готово: тема «Дизайн»")
    await forum.stage.settled()
    await finish(forum)


async def test_an_anonymous_administrator_links_a_topic(forum):
    world, telegram = forum.world, forum.stage.telegram
    question = await forum.ask(world.anna, forum.design, topic_texts.LINK_TOPIC_BUTTON)
    telegram.write(
        world.anna, forum.play.chat, str(world.office), reply_to=question, thread=forum.design, anonymous=True
    )
    await forum.stage.settled()
    # The question was asked of Anna; the group's reply to it is as good.
    await forum.play.says("Готово: тема «Дизайн»")
    await finish(forum)


async def test_links_of_topics_stay_when_the_setting_is_switched_off_and_no_new_ones_come(forum, choose):
    world, play = forum.world, forum.play
    await forum.link_group(world.cafe)
    await forum.link_topic(world.office, forum.design)
    old = await forum.menu(world.anna, forum.layout)
    await choose(topic_links=False)
    await forum.words(world.igor, "Макет принят", forum.design, world.office)
    assert await forum.answer(world.office, "Отлично") == "delivered"
    assert forum.threads("Отлично") == [forum.design]
    refused = await play.press(world.anna, old, topic_texts.LINK_TOPIC_BUTTON)
    assert refused["text"] == topic_texts.TOPIC_LINKS_OFF
    menu = await forum.menu(world.anna, forum.layout)
    assert topic_texts.LINK_TOPIC_BUTTON not in play.buttons(menu)
    await finish(forum)


async def test_an_answer_to_a_deleted_topic_goes_to_general_once_and_says_so(forum):
    world, stage = forum.world, forum.stage
    await forum.link_group(world.cafe)
    await forum.words(world.igor, "Логотип готов?", forum.design, world.cafe)
    stage.telegram.delete_topic(forum.play.chat, forum.design)
    assert await forum.answer(world.cafe, "Да, смотрите", world.igor) == "delivered"
    (sent,) = forum.play.said("Да, смотрите")
    assert "message_thread_id" not in sent
    assert sent["text"] == "🗂 Темы «Дизайн» больше нет\nДа, смотрите"
    # From now on the conversation is known to be in General.
    assert await forum.answer(world.cafe, "Видите?", world.igor) == "delivered"
    assert [one["text"] for one in forum.play.said("Видите?")] == ["Видите?"]
    await finish(forum)


async def test_an_album_for_a_deleted_topic_goes_to_general_as_one_and_whole(forum):
    world, stage = forum.world, forum.stage
    await forum.link_group(world.cafe)
    await forum.words(world.igor, "Логотип готов?", forum.design, world.cafe)
    stage.telegram.delete_topic(forum.play.chat, forum.design)
    pictures = [Attachment("picture", samples.png(seed=seed), name=f"{seed}.png") for seed in (1, 2)]
    assert await forum.answer(world.cafe, "Два варианта", world.igor, attachments=pictures) == "delivered"
    photos = [one for one in forum.play.messages() if one.get("photo")]
    assert len(photos) == 2
    assert {one.get("message_thread_id") for one in photos} == {None}
    assert [one["caption"] for one in photos if one.get("caption")] == ["🗂 Темы «Дизайн» больше нет\nДва варианта"]
    await finish(forum)


async def test_an_answer_of_a_deal_whose_only_topic_was_deleted_is_refused_in_plain_words(forum):
    world, stage = forum.world, forum.stage
    await forum.link_topic(world.office, forum.design)
    stage.telegram.delete_topic(forum.play.chat, forum.design)
    assert await forum.answer(world.office, "Есть кто?") == topic_texts.LINKED_TOPIC_GONE
    assert forum.play.said("Есть кто?") == []
    await finish(forum)


async def test_a_group_that_has_topics_no_more_is_one_place_again(forum):
    world, stage = forum.world, forum.stage
    await forum.link_group(world.cafe)
    await forum.link_topic(world.office, forum.design)
    await forum.words(world.igor, "Где макет?", forum.layout, world.cafe)
    stage.telegram.unmake_forum(forum.play.chat)
    await forum.words(world.igor, "Просто вопрос", None, world.cafe)
    assert "Просто вопрос" in lines(forum, world.cafe)
    assert await forum.answer(world.cafe, "Просто ответ", world.igor) == "delivered"
    assert forum.threads("Просто ответ") == [None]
    assert await forum.answer(world.office, "Макет готов") == "delivered"
    assert forum.threads("Макет готов") == [None]
    await finish(forum)


async def test_a_closed_topic_takes_answers_from_an_administrator_and_refuses_others_in_plain_words(forum):
    world, telegram, chat = forum.world, forum.stage.telegram, forum.play.chat
    await forum.link_group(world.cafe)
    await forum.words(world.igor, "Логотип готов?", forum.design, world.cafe)
    telegram.close_topic(world.anna, chat, forum.design)
    await forum.stage.settled()
    assert "[Дизайн] 🗂 Тему закрыли" in forum.stage.texts(world.cafe)
    assert await forum.answer(world.cafe, "Можно и так", world.igor) == "delivered"
    telegram.demote(chat, world.sales_bot)
    await forum.stage.settled()
    assert "Тема закрыта" in await forum.answer(world.cafe, "А так?", world.igor)
    assert forum.play.said("А так?") == []
    telegram.reopen_topic(world.anna, chat, forum.design)
    assert await forum.answer(world.cafe, "Снова можно", world.igor) == "delivered"
    assert forum.threads("Снова можно") == [forum.design]


async def test_topics_names_links_and_last_places_survive_a_restart(empty_stage, connected, running, play_of):
    stage, world, telegram = empty_stage, empty_stage.world, empty_stage.telegram
    async with connected(stage) as service:
        await accounts.change_settings(service.services.db, stage.account.account_id, {"topic_links": True})
        await service.refresh()
        chat = telegram.create_group("Мастерская", world.anna, forum=True)
        for party in (world.igor, world.sales_bot):
            telegram.add_member(chat, party, by=world.anna)
        telegram.promote(chat, world.sales_bot)
        play = play_of(stage, chat, world.sales_bot)
        await play.says("Здравствуйте!")
        forum = Forum(play, *(telegram.create_topic(world.anna, chat, name) for name in NAMES))
        telegram.rename_topic(world.anna, chat, forum.layout, "Сайт")
        await stage.settled()
        await forum.link_group(world.cafe)
        await forum.link_topic(world.office, forum.design)
        await forum.words(world.igor, "Раз", forum.layout, world.cafe)
        question = await forum.ask(world.anna, forum.payment, topic_texts.LINK_TOPIC_BUTTON)
        await stage.settled()
    async with running(stage):
        assert await forum.answer(world.cafe, "Ответ", world.igor) == "delivered"
        assert forum.threads("Ответ") == [forum.layout]
        await forum.words(world.igor, "Два", forum.design, world.office)
        await forum.words(world.igor, "Три", forum.layout, world.cafe)
        assert "[Сайт] Три" in lines(forum, world.cafe)
        # The question that was asked before is still one for the topic.
        forum.write(world.anna, str(world.repair), forum.payment, reply_to=question)
        await play.says("Готово: тема «Оплата»")
        await stage.settled()
        found = await links.for_group(stage.service.services.db, stage.account.account_id, await group_id(stage))
        assert {link.deal_id: link.thread_id for link in found} == {
            world.cafe: None,
            world.office: forum.design,
            world.repair: forum.payment,
        }
        stage.assert_clean()


async def group_id(stage) -> int:
    return await stage.count("SELECT max(group_id) FROM links")


async def test_a_later_link_is_given_the_last_messages_of_its_topic_alone(forum, choose):
    world = forum.world
    await choose(import_last_messages=3)
    for number in range(1, 5):
        forum.write(world.igor, f"Макет {number}", forum.design)
        forum.write(world.maria, f"Болтовня {number}")
    await forum.stage.settled()
    await forum.link_topic(world.office, forum.design)
    assert lines_of(forum, world.office) == ["Макет 2", "Макет 3", "Макет 4"]
    await forum.link_group(world.cafe)
    # What belongs to the topic is not the group's any more.
    assert lines_of(forum, world.cafe) == ["Болтовня 2", "Болтовня 3", "Болтовня 4"]
    await finish(forum)


def lines_of(forum: Forum, deal: int) -> list[str]:
    said = [item.text for item in forum.stage.feed(deal)]
    return [text for text in said if text.startswith(("Макет", "Болтовня", "["))]


async def test_a_topics_link_follows_its_deal_through_a_merger(forum):
    world, stage = forum.world, forum.stage
    await forum.link_group(world.cafe)
    await forum.link_topic(world.office, forum.design)
    await forum.words(world.igor, "Раз", forum.design, world.office)
    stage.amo.merge_leads(world.account, world.repair, [world.office])
    await forum.play.says("Теперь тема «Дизайн» связана с ней")
    await stage.settled()
    assert forum.threads("Теперь тема") == [forum.design]
    forum.write(world.igor, "Два", forum.design)
    await stage.settled()
    assert "Два" in stage.texts(world.repair)
    assert not any("Два" in line for line in stage.texts(world.cafe))
    assert await forum.answer(world.repair, "Ответ") == "delivered"
    assert forum.threads("Ответ") == [forum.design]


async def test_a_group_that_becomes_a_forum_keeps_its_links_and_answers(play):
    """Topics make a supergroup of a basic group (telegram-facts §1.7); before them there were no threads."""
    stage, world = play.stage, play.stage.world
    await play.link(world.cafe)
    await play.words(world.igor, "Раньше", world.cafe)
    forum_chat = stage.telegram.make_forum(play.chat)
    thread = stage.telegram.create_topic(world.anna, forum_chat, "Дизайн")
    await stage.settled()
    stage.telegram.write(world.igor, forum_chat, "Теперь", thread=thread)
    await stage.settled()
    assert "[Дизайн] Теперь" in play.written(world.cafe)
    answer = play.answer(world.cafe, "Вижу", person=world.igor)
    assert (await stage.status(answer)).status == "delivered"
    (sent,) = [one for one in stage.telegram.history(forum_chat) if one.get("text") == "Вижу"]
    assert sent["message_thread_id"] == thread
    stage.assert_clean()
