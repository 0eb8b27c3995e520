"""Links between a group and its deals: messages into every linked deal once, answers back once, contacts, unlinking."""

from __future__ import annotations

import random

import pytest
import trio

from dealgram.actors import texts
from dealgram.actors.commands import LinkDeal, UnlinkDeal, command_entry
from dealgram.actors.names import group_address
from dealgram.persistence import groups


class Tries:
    """Counts the calls that a fault is meant for, and fits them all."""

    def __init__(self) -> None:
        self._seen = trio.Event()

    def __call__(self, facts) -> bool:
        self._seen.set()
        self._seen = trio.Event()
        return True

    async def more(self, count: int) -> None:
        with trio.fail_after(30):
            for _ in range(count):
                await self._seen.wait()


async def test_words_go_to_every_linked_deal_once_and_in_order(play):
    world = play.stage.world
    await play.link(world.cafe)
    await play.words(world.igor, "Только кофейня", world.cafe)
    await play.link(world.office)
    await play.link(world.repair)
    for number in range(1, 6):
        play.write(world.igor, f"Игорь {number}")
        play.write(world.maria, f"Мария {number}")
    await play.words(world.anna, "Конец", *world.deals)

    everything = [f"{name} {number}" for number in range(1, 6) for name in ("Игорь", "Мария")]
    assert play.written(world.cafe) == ["Только кофейня", *everything, "Конец"]
    for deal in (world.office, world.repair):
        assert play.written(deal) == [*everything, "Конец"]
    authors = {item.text: item.author for item in play.stage.feed(world.office)}
    assert authors["Игорь 1"] == "Игорь Петров"
    assert authors["Мария 1"] == "Мария Кузнецова"
    play.stage.assert_clean()
    await play.stage.assert_undisturbed()


async def test_participants_become_contacts_of_every_linked_deal_also_of_one_linked_later(play):
    world, stage = play.stage.world, play.stage
    play.write(world.igor, "Пишу до всякой связи")
    await play.link(world.cafe)
    await play.words(world.maria, "Пишу после", world.cafe)
    await play.link(world.office)

    for person in (world.anna, world.igor, world.maria):
        (contact,) = play.contacts(person)
        assert world.account.contacts[contact].name == person.name
        for deal in (world.cafe, world.office):
            assert contact in stage.amo.contacts_of_lead(world.account, deal), (person.name, deal)
    assert play.written(world.cafe) == ["Пишу после"]
    # Everybody spoke before the second link, nobody in it: still their next words are bound to both deals.
    await play.words(world.igor, "Теперь оба", world.cafe, world.office)
    assert play.written(world.office) == ["Теперь оба"]
    stage.assert_clean()


async def test_a_contact_that_amocrm_has_by_telegram_id_is_used(play):
    world, stage = play.stage.world, play.stage
    known = stage.amo.add_contact(world.account, "Игорь, директор", {"TELEGRAM_ID": str(world.igor.id)})
    await play.link(world.cafe)
    await play.words(world.igor, "Добрый день", world.cafe)
    assert play.contacts(world.igor) == [known]
    assert known in stage.amo.contacts_of_lead(world.account, world.cafe)


async def test_one_person_in_two_groups_at_the_same_moment_is_one_contact(play, play_in):
    world, stage = play.stage.world, play.stage
    chat = stage.telegram.create_group("Ремонт", world.anna)
    stage.telegram.add_member(chat, world.igor)
    stage.telegram.add_member(chat, world.sales_bot)
    stage.telegram.promote(chat, world.sales_bot)
    other = play_in(chat)
    await play.link(world.cafe)
    await other.link(world.repair)
    search = stage.amo.faults.delay("contacts.list", seconds=0.2, times=4)
    play.write(world.igor, "Сюда")
    other.write(world.igor, "И сюда")
    await stage.until(lambda: play.written(world.cafe) == ["Сюда"], "the first group")
    await stage.until(lambda: other.written(world.repair) == ["И сюда"], "the second group")
    await stage.quiet()
    assert search.hits > 0
    assert len(play.contacts(world.igor)) == 1
    assert await stage.count("SELECT count(*) FROM contacts WHERE user_id = $1", world.igor.id) == 1


async def test_the_groups_own_chat_is_in_the_selector_of_each_deal_with_a_contact_of_its_own(play):
    world = play.stage.world
    await play.link(world.cafe)
    await play.link(world.office)
    await play.words(world.igor, "Здесь", world.cafe, world.office)
    owners = {}
    for deal in (world.cafe, world.office):
        (own,) = play.own_chats(deal)
        assert own.name == "Кофейня «Полдень» (Север Продажи)"
        owners[deal] = own.contact_id
        assert list(world.account.contacts[own.contact_id].leads) == [deal]
    assert owners[world.cafe] != owners[world.office]


async def test_an_answer_from_any_deal_reaches_the_group_once_and_the_other_deals_silently(play):
    world, stage = play.stage.world, play.stage
    for deal in world.deals:
        await play.link(deal)
    await play.words(world.igor, "Вопрос", *world.deals)
    hooks = len(stage.amo.hooks)
    first = play.answer(world.cafe, "Из кофейни, от группы")
    await stage.status(first)
    second = play.answer(world.office, "Из офиса, Игорю", world.igor, world.dmitry)
    await stage.status(second)
    await stage.quiet()

    said = ["Из кофейни, от группы", "Из офиса, Игорю"]
    for deal in world.deals:
        assert play.written(deal) == ["Вопрос", *said]
    assert [text for text in stage.group_texts() if text in said] == said
    imported = {item.text: item for item in stage.feed(world.repair) if item.direction == "out"}
    assert {item.silent for item in imported.values()} == {True}
    assert {text: item.author for text, item in imported.items()} == {
        "Из кофейни, от группы": "Ольга Белова",
        "Из офиса, Игорю": "Дмитрий Орлов",
    }
    assert {item.conversation.split("-d")[1] for item in imported.values()} == {str(world.repair)}
    assert stage.amo.message(world.account, first).status == "delivered"
    assert stage.amo.message(world.account, second).status == "delivered"
    assert len(stage.amo.hooks) == hooks + 2  # an import makes no hook of its own
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_an_answer_that_waits_is_imported_into_the_deals_that_were_and_still_are_linked(play, command):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    await play.link(world.repair)
    tries = Tries()
    outage = stage.telegram.faults.answer("sendMessage", status=502, times=None, when=tries)
    answer = play.answer(world.cafe, "Подождите")
    await tries.more(1)
    await command(UnlinkDeal(deal_id=world.repair))
    await stage.until(lambda: not play.own_chats(world.repair), "the unlink")
    await command(LinkDeal(deal_id=world.office))
    await stage.until(lambda: play.own_chats(world.office), "the link")
    outage.cancel()
    assert (await stage.status(answer)).status == "delivered"
    await stage.quiet()
    assert play.written(world.cafe) == ["Подождите"]
    assert play.written(world.office) == []
    assert play.written(world.repair) == []
    assert stage.group_texts().count("Подождите") == 1


async def test_an_answer_of_a_bot_or_an_unknown_user_is_imported_under_the_channels_bot(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    await play.link(world.office)
    salesbot = stage.amo.add_user(world.account, "Salesbot")  # nobody that the service has heard of
    answer = play.answer(world.cafe, "Мы получили ваше сообщение", user=salesbot)
    assert (await stage.status(answer)).status == "delivered"
    await stage.until(lambda: any("Мы получили" in text for text in stage.texts(world.office)), "the import")
    await stage.quiet()
    assert stage.group_texts().count("Мы получили ваше сообщение") == 1
    assert [text for text in stage.texts(world.office) if "Мы получили" in text] == [
        f"{texts.MANAGER}: Мы получили ваше сообщение"
    ]
    stage.assert_clean()


async def test_a_reply_to_a_managers_answer_is_for_the_deals_and_opens_no_menu(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    answer = play.answer(world.cafe, "Какой цвет?")
    await stage.status(answer)
    await stage.quiet()
    since = play.last_id
    (asked,) = play.said("Какой цвет?")
    reply = play.write(world.igor, "Синий", reply_to=asked["message_id"])
    # The answer stands in the group's own chat and the reply in Igor's: a line says what is answered, where amoCRM
    # cannot quote; also when the reply is edited.
    await stage.until(lambda: "↩️ Менеджер: Какой цвет?\nСиний" in stage.texts(world.cafe), "the reply in the card")
    stage.telegram.edit(world.igor, play.chat, reply, "Красный")
    await stage.until(lambda: "↩️ Менеджер: Какой цвет?\nКрасный" in stage.texts(world.cafe), "the edit")
    await stage.quiet()
    assert play.said("", since) == []


async def test_an_unlinked_deal_hears_nothing_says_nothing_and_loses_the_groups_chat(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    await play.link(world.office)
    await play.words(world.igor, "Раньше", world.cafe, world.office)
    (own,) = play.own_chats(world.cafe)
    await play.unlink(world.cafe)

    await play.words(world.igor, "Позже", world.office)
    assert play.written(world.cafe) == ["Раньше"]
    assert stage.texts(world.office).count(texts.group_unlinked_line(play.chat.title)) == 0
    last_line = [item.text for item in stage.amo.history(world.account, own.chat_uuid)][-1]
    assert last_line == texts.group_unlinked_line(play.chat.title)
    assert own.contact_id not in stage.amo.contacts_of_lead(world.account, world.cafe)
    (igor,) = play.contacts(world.igor)
    assert igor in stage.amo.contacts_of_lead(world.account, world.cafe)  # what people wrote stays

    late = [play.answer(world.cafe, "Игорь, вы здесь?", world.igor)]
    late.append(stage.amo.answer(world.account, own.chat_uuid, world.olga, "Группа, вы здесь?"))
    for answer in late:
        assert (await stage.status(answer)).status == texts.REASON_NOT_LINKED
    await play.words(world.igor, "Конец", world.office)
    assert not any("вы здесь" in text for text in [*stage.group_texts(), *stage.texts(world.office)])
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_a_deal_linked_again_goes_on_where_it_was_and_doubles_nothing(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    await play.link(world.office)
    await play.words(world.igor, "Первое", world.cafe, world.office)
    contacts = len(world.account.contacts)
    (own,) = play.own_chats(world.cafe)
    await play.unlink(world.cafe)
    await play.words(world.igor, "Мимо", world.office)
    await play.link(world.cafe)
    await play.words(world.igor, "Второе", world.cafe, world.office)
    answer = play.answer(world.cafe, "Ответ")
    await stage.status(answer)
    await stage.quiet()

    assert play.written(world.cafe) == ["Первое", "Второе", "Ответ"]
    assert play.written(world.office) == ["Первое", "Мимо", "Второе", "Ответ"]
    assert stage.group_texts().count("Ответ") == 1
    (again,) = play.own_chats(world.cafe)
    assert (again.chat_uuid, again.contact_id) == (own.chat_uuid, own.contact_id)
    assert len(world.account.contacts) == contacts
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_two_of_our_bots_cannot_serve_the_same_deal_in_one_group(play, play_in):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    stage.telegram.add_member(play.chat, world.service_bot)
    stage.telegram.promote(play.chat, world.service_bot)
    second = play_in(play.chat, world.service_bot)
    question = await second.ask(world.anna)
    second.write(world.anna, str(world.cafe), reply_to=question)
    refusal = await second.says("уже связана со сделкой", question)
    assert f"@{world.sales_bot.username}" in refusal["text"]
    second.write(world.anna, str(world.office), reply_to=question)
    await second.says("Готово", question)
    await stage.until(lambda: play.own_chats(world.office), "the other deal")
    await play.words(world.igor, "Всем", world.cafe, world.office)
    assert play.written(world.cafe).count("Всем") == 1
    assert play.written(world.office).count("Всем") == 1
    stage.assert_clean()


async def test_while_amocrm_is_away_the_person_is_told_once_and_the_link_comes_later(play):
    world, stage = play.stage.world, play.stage
    question = await play.ask(world.anna)
    tries = Tries()
    outage = stage.amo.faults.answer("leads.get", status=503, times=None, when=tries)
    play.write(world.anna, str(world.cafe), reply_to=question)
    await play.says(texts.amocrm_unavailable_html(), question)
    await tries.more(2)
    # The rest of the menu works meanwhile.
    menu = await play.menu(world.anna)
    await play.press(world.anna, menu, "Список")
    outage.cancel()
    await play.says("Готово: группа связана", question)
    await stage.until(lambda: play.own_chats(world.cafe), "the link")
    await stage.quiet()
    assert len(play.said(texts.amocrm_unavailable_html())) == 1
    assert len(play.said("Готово")) == 1
    await stage.assert_undisturbed()


async def test_a_crash_of_the_group_actor_while_amocrm_is_away_tells_nobody_twice(play):
    world, stage = play.stage.world, play.stage
    question = await play.ask(world.anna)
    tries = Tries()
    outage = stage.amo.faults.answer("leads.get", status=503, times=None, when=tries)
    play.write(world.anna, str(world.cafe), reply_to=question)
    await play.says(texts.amocrm_unavailable_html(), question)
    group = next(one.address for one in stage.service.system.snapshot().actors if one.address.kind == "group")
    await stage.service.system.restart(group)
    await tries.more(2)
    outage.cancel()
    await play.says("Готово: группа связана", question)
    await stage.quiet()
    assert len(play.said(texts.amocrm_unavailable_html())) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_any_story_of_words_links_unlinks_and_answers_comes_out_right(play, command, seed):
    """Random, but the same in every run. One deal stays linked: what it shows tells how far the story has come."""
    world, stage = play.stage.world, play.stage
    rng = random.Random(seed)
    await command(LinkDeal(deal_id=world.repair))
    await stage.until(lambda: play.own_chats(world.repair), "the link that stays")
    linked, words, said = [world.repair], {deal: [] for deal in world.deals}, []
    order = {}
    for number in range(25):
        what = rng.choices(["write", "answer", "link", "unlink"], [12, 5, 4, 2])[0]
        deal = rng.choice([world.cafe, world.office])
        if what == "write":
            person, text = rng.choice(world.people), f"Слово {number}"
            play.write(person, text)
            order.setdefault(person.id, []).append(text)
            for one in linked:
                words[one].append(text)
        elif what == "answer":
            text = f"Ответ {number}"
            play.answer(rng.choice(linked), text)
            said.append(text)
            for one in linked:
                words[one].append(text)
        else:
            await all_told(play, words, said)
            if what == "link" and deal not in linked:
                await command(LinkDeal(deal_id=deal))
                await stage.until(lambda deal=deal: play.own_chats(deal), "a link")
                linked.append(deal)
            elif what == "unlink" and deal in linked:
                await command(UnlinkDeal(deal_id=deal))
                await stage.until(lambda deal=deal: not play.own_chats(deal), "an unlink")
                linked.remove(deal)
            await stage.quiet()
    await all_told(play, words, said)

    for deal in world.deals:
        assert sorted(play.written(deal)) == sorted(words[deal]), deal
    for person in world.people:
        for chat in world.account.chats.values():
            if chat.client_id.endswith(f"-u{person.id}"):
                shown = [item.text for item in stage.amo.history(world.account, chat.uuid) if item.direction == "in"]
                assert shown == [text for text in order[person.id] if text in shown]
    answers = [message["text"] for message in play.messages() if message.get("text", "").startswith("Ответ")]
    assert sorted(answers) == sorted(said)
    stage.assert_clean()
    await stage.assert_undisturbed()


async def all_told(play, words: dict[int, list[str]], said: list[str]) -> None:
    """Wait until everything that was written so far stands in its cards, and every answer in the group."""
    await play.stage.until(lambda: set(said) <= set(play.stage.group_texts()), "all answers in the group")
    for deal, texts_of_deal in words.items():
        await play.stage.until(
            lambda deal=deal, told=texts_of_deal: set(told) <= set(play.written(deal)), f"all words in {deal}"
        )
    await play.stage.quiet()


@pytest.fixture
async def command(play):
    """Give the group's actor a command, as an operator does."""
    services = play.stage.service.services
    group = await groups.by_chat(services.db, play.stage.account.account_id, play.bot.id, play.chat.id)

    async def give(one) -> None:
        await services.journal.accept([command_entry(group.account_id, group_address(group.group_id), one)])

    return give


async def test_an_invitation_links_the_group_at_once_for_administrators_only(play):
    """`t.me/bot?startgroup=d<deal>` makes Telegram write the command in the name of whoever brings the bot in."""
    world, stage = play.stage.world, play.stage
    command = f"/start@{world.sales_bot.username} d{world.cafe}"
    play.write(world.igor, command)
    await stage.until(lambda: texts.ONLY_ADMINISTRATORS in stage.group_texts(), "the refusal")
    assert play.linked_line not in stage.texts(world.cafe)
    play.write(world.anna, f"/start@{world.sales_bot.username} d99999")
    await stage.until(lambda: any("99999" in text for text in stage.group_texts()), "no such deal")
    play.write(world.anna, command)
    await stage.until(lambda: play.linked_line in stage.texts(world.cafe), "linked")
    await play.words(world.igor, "Добрый день", world.cafe)
    assert not [text for text in stage.texts(world.cafe) if "/start" in text]
    stage.assert_clean()
    await stage.assert_undisturbed()
