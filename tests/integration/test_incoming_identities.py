"""Who is no person is shown as what it is and never gets a contact; bots do not answer each other for ever; what an
account does not want to see leaves no line and has its effect all the same."""

from __future__ import annotations

import pytest

from dealgram.actors import texts
from dealgram.sandbox import samples

POLICIES = ["deal_participant", "deal", "participant"]


@pytest.fixture
def play(hall):
    return hall


def own_feed(play, deal: int) -> list:
    """The group's own conversation in a deal, without dealgram's own lines."""
    uuid = play.own_chats(deal)[0].chat_uuid
    return [item for item in play.stage.amo.history(play.stage.world.account, uuid) if not item.silent]


# Those who are no persons


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_group_and_channels_speak_as_themselves_and_have_no_contact(play, choose, policy):
    """Complaint 17: vanutp/tgbridge#8, yotamleo/Himmel#534."""
    world, stage, telegram = play.stage.world, play.stage, play.stage.telegram
    await choose(policy=policy)
    await play.link(world.cafe)
    contacts = set(world.account.contacts)
    channel = telegram.create_channel("Новости «Полдня»", world.anna, discussion=play.chat)
    telegram.write(world.anna, play.chat, "От имени группы", anonymous=True)
    telegram.send_media(world.anna, play.chat, "photo", samples.jpeg(), identity=channel, caption="От канала")
    telegram.post_in_channel(channel, "Запись", signature="Редактор")
    await stage.until(lambda: any("Запись" in text for text in stage.texts(world.cafe)), "the post")
    await stage.settled()
    said = own_feed(play, world.cafe)
    link = said[2].text.splitlines()[0].rpartition(" ")[2]
    assert link.startswith("https://t.me/c/")
    assert [(item.type, item.text) for item in said] == [
        ("text", f"{texts.ADMINISTRATOR_OF_GROUP}: От имени группы"),
        ("picture", "Канал «Новости „Полдня“»: От канала"),
        ("text", f"Канал «Новости „Полдня“»: 📢 Запись в канале {link}\nЗапись"),
    ]
    assert {item.author for item in said} == {play.chat.title}
    assert set(world.account.contacts) == contacts
    stage.assert_clean()
    await stage.assert_undisturbed()


@pytest.mark.parametrize("policy", POLICIES)
async def test_other_bots_are_left_out_unless_the_account_wants_to_see_them(play, choose, policy):
    """Complaint 19: mautrix/telegram#202, #146, #626."""
    world, stage, telegram = play.stage.world, play.stage, play.stage.telegram
    await choose(policy=policy)
    await play.link(world.cafe)
    stranger = telegram.add_bot("Опросник", "quiz_bot")
    telegram.add_member(play.chat, stranger, by=world.anna)
    telegram.set_bot_to_bot(play.bot, on=True)
    telegram.set_bot_to_bot(stranger, on=True)
    telegram.bot_says(stranger, play.chat, "Не видно")
    await play.words(world.igor, "Раз", world.cafe)
    assert not any("Не видно" in text for text in stage.texts(world.cafe))

    await choose(other_bots="show")
    contacts = set(world.account.contacts)
    telegram.bot_says(stranger, play.chat, f"/menu@{play.bot.username}")
    telegram.bot_says(stranger, play.chat, f"@{play.bot.username} 20001")
    await play.words(world.igor, "Два", world.cafe)
    shown = [item.text for item in own_feed(play, world.cafe) if "Опросник" in item.text]
    assert shown == [f"🤖 Опросник: /menu@{play.bot.username}", f"🤖 Опросник: @{play.bot.username} 20001"]
    assert set(world.account.contacts) == contacts
    # Nothing was said to a bot: two bots that answer each other never end.
    assert len(play.said("Что сделать?")) == 1
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_our_own_bots_never_come_back(play, choose, connected):
    """Two of our bots in one group: what one relays is no word of the group for the other."""
    world, stage, telegram = play.stage.world, play.stage, play.stage.telegram
    await choose(other_bots="show")
    telegram.add_member(play.chat, world.service_bot, by=world.anna)
    telegram.promote(play.chat, world.service_bot)
    for bot in (play.bot, world.service_bot):
        telegram.set_bot_to_bot(bot, on=True)
    await stage.settled()
    await play.link(world.cafe)
    telegram.write(world.anna, play.chat, f"/menu@{world.service_bot.username}")
    await stage.settled()
    service = type(play)(stage, play.chat, world.service_bot)
    await service.link(world.office)
    await play.words(world.igor, "Вопрос", world.cafe, world.office)
    answer = play.answer(world.cafe, "Ответ")
    assert (await stage.status(answer)).status == "delivered"
    await play.words(world.igor, "Спасибо", world.cafe, world.office)
    for deal, words in ((world.office, ["Вопрос", "Спасибо"]), (world.cafe, ["Вопрос", "Ответ", "Спасибо"])):
        lines = stage.texts(deal)
        assert [lines.count(word) for word in words] == [1] * len(words)
        assert not any(line.startswith("🤖") or "Что сделать?" in line for line in lines)
    assert "Ответ" not in stage.texts(world.office)
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_what_our_own_bot_does_in_a_group_leaves_no_line(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    body = {
        "message_id": 9001,
        "date": int(stage.feed(world.cafe)[-1].at) + 1,
        "chat": play.chat.as_chat(),
        "from": {"id": play.bot.id, "is_bot": True, "first_name": "Север"},
    }
    pinned = body | {"pinned_message": body | {"message_id": 5, "text": "Ответ"}}
    stage.telegram.inject(play.bot, {"message": pinned})
    stage.telegram.inject(play.bot, {"message": body | {"message_id": 9002, "forum_topic_created": {"name": "Тема"}}})
    await play.words(world.igor, "Дальше", world.cafe)
    assert not any(sign in text for text in stage.texts(world.cafe) for sign in ("📌", "🗂"))


async def test_participants_have_pictures_and_profiles(play, choose):
    world, stage = play.stage.world, play.stage
    await choose(policy="deal")
    stage.telegram.files.set_photo(world.igor, samples.jpeg())
    await play.link(world.cafe)
    await play.words(world.igor, "Привет", world.cafe)
    person = world.account.participants[f"tgu-{world.igor.id}"]
    assert (person.profile_link, bool(person.avatar)) == (f"https://t.me/{world.igor.username}", True)


# Service lines


async def test_service_lines_are_there_by_default_and_can_be_turned_off(play, choose):
    world, stage, telegram = play.stage.world, play.stage, play.stage.telegram
    await play.link(world.cafe)
    pavel = telegram.add_person("Павел", "Сидоров")
    telegram.add_member(play.chat, pavel, by=world.anna)
    await stage.until(lambda: "➕ В группе: Павел Сидоров" in stage.texts(world.cafe), "the line")
    await choose(service_lines=False)
    telegram.remove_member(play.chat, pavel, by=world.anna)
    telegram.rename(play.chat, "Полдень: новый сайт", by=world.anna)
    await play.words(world.igor, "Дальше", world.cafe)
    assert not any(sign in text for text in stage.texts(world.cafe) for sign in ("➖", "✏️"))
    # They have their effect all the same: the group has its new name, and Pavel is known to have left.
    query = "SELECT count(*) FROM participants WHERE user_id = $1 AND is_present"
    assert await stage.count(query, pavel.id) == 0
    await play.link(world.office)
    assert any("новый сайт" in text for text in stage.texts(world.office))
    assert play.linked_line in stage.texts(world.office)
    stage.assert_clean()
    await stage.assert_undisturbed()


# What is answered and passed on


@pytest.mark.parametrize("policy", POLICIES)
async def test_an_answer_is_a_quote_where_it_can_be_and_words_elsewhere(play, choose, policy):
    """Complaint 12: chatwoot/chatwoot#6333."""
    world, stage, telegram = play.stage.world, play.stage, play.stage.telegram
    await choose(policy=policy)
    await play.link(world.cafe)
    question = telegram.write(world.maria, play.chat, "Сколько стоит сайт?")
    own = telegram.write(world.igor, play.chat, "Скажу", reply_to=question["message_id"])
    mine = telegram.write(world.maria, play.chat, "Жду", reply_to=question["message_id"])
    (other,) = await stage.stands(play.chat, own)
    (same,) = await stage.stands(play.chat, mine)
    if policy == "deal":
        assert (other.text, other.quote) == ("Игорь Петров: Скажу", "Мария Кузнецова: Сколько стоит сайт?")
    else:
        assert (other.text, other.quote) == ("↩️ Мария Кузнецова: Сколько стоит сайт?\nСкажу", "")
    assert same.quote.endswith("Сколько стоит сайт?")
    assert same.text.endswith("Жду")
    stage.assert_clean()


async def test_a_picked_stretch_is_said_even_where_amocrm_quotes_the_whole(play, choose):
    world, stage, telegram = play.stage.world, play.stage, play.stage.telegram
    await choose(policy="deal")
    await play.link(world.cafe)
    question = telegram.write(world.maria, play.chat, "Сайт и вывеска")
    reply = telegram.write(world.igor, play.chat, "Это дорого", reply_to=question["message_id"], quote="вывеска")
    (item,) = await stage.stands(play.chat, reply)
    assert (item.quote, item.text) == ("Мария Кузнецова: Сайт и вывеска", "↩️ «вывеска»\nИгорь Петров: Это дорого")
    await choose(policy="deal_participant")
    again = telegram.write(world.igor, play.chat, "И долго", reply_to=question["message_id"], quote="вывеска")
    (item,) = await stage.stands(play.chat, again)
    assert (item.quote, item.text) == ("", "↩️ Мария Кузнецова: «вывеска»\nИ долго")
    stage.assert_clean()


async def test_answers_to_other_chats_and_forwards_say_whence(play):
    world, stage, telegram = play.stage.world, play.stage, play.stage.telegram
    await play.link(world.cafe)
    other = telegram.create_group("Склад", world.maria, kind="supergroup")
    telegram.add_member(other, world.igor, by=world.maria)
    said = telegram.write(world.maria, other, "Привезли десять коробок")
    sent = telegram.send_media(world.maria, other, "document", samples.pdf(), file_name="Накладная.pdf")
    picked = telegram.reply_elsewhere(world.igor, play.chat, "Видели?", other, said["message_id"], "десять коробок")
    (item,) = await stage.stands(play.chat, picked)
    head, _, words = item.text.partition("\n")
    assert (head.startswith("↩️ Мария Кузнецова"), "«десять коробок»" in head, words) == (True, True, "Видели?")
    filed = telegram.reply_elsewhere(world.igor, play.chat, "А это?", other, sent["message_id"])
    (item,) = await stage.stands(play.chat, filed)
    assert "📎 Файл: Накладная.pdf" in item.text
    passed = telegram.forward(world.igor, play.chat, other, sent["message_id"])
    (item,) = await stage.stands(play.chat, passed)
    assert (item.type, item.text, item.data) == ("file", "↪️ Переслано: Мария Кузнецова", samples.pdf())
    telegram.hide_account(world.maria)
    hidden = telegram.forward(world.igor, play.chat, other, said["message_id"])
    (item,) = await stage.stands(play.chat, hidden)
    assert item.text == "↪️ Переслано: Мария Кузнецова\nПривезли десять коробок"
    via = telegram.send(
        world.igor, play.chat, text="Кот", via_bot={"id": 4, "is_bot": True, "first_name": "К", "username": "gif"}
    )
    (item,) = await stage.stands(play.chat, via)
    assert item.text == "🤖 Через бота @gif\nКот"
    stage.assert_clean()
    await stage.assert_undisturbed()
