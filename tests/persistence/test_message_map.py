"""The message map: in which forum topic a conversation was last heard, and which messages are passed."""

from dealgram.persistence import messages, records
from dealgram.persistence.records import Message


async def test_the_thread_of_the_latest_message_counts(db):
    async def write(msgid, thread, conversation="g4-d5"):
        row = Message(account_id=1, conversation_id=conversation, msgid=msgid, bot_id=3, chat_id=-100, thread_id=thread)
        await records.upsert(db, row)

    assert await messages.last_thread(db, 1, "g4-d5") is None
    await write("first", 7)
    await write("second", 9)
    await write("a line of ours that stands in no topic", None)
    await write("elsewhere", 11, "g4-d6")
    assert await messages.last_thread(db, 1, "g4-d5") == 9
    assert await messages.last_thread(db, 1, "g4-d6") == 11
    assert await messages.last_thread(db, 2, "g4-d5") is None


async def test_a_message_is_passed_once_a_later_one_of_its_chat_is_known(db):
    async def write(message_id, chat_id=-100):
        row = Message(
            account_id=1,
            conversation_id="g4-d5",
            msgid=f"{chat_id}/{message_id}",
            bot_id=3,
            chat_id=chat_id,
            message_id=message_id,
        )
        await records.upsert(db, row)

    await write(8)
    await write(90, chat_id=-200)
    assert await messages.is_passed(db, 1, 3, -100, 7)
    assert not await messages.is_passed(db, 1, 3, -100, 8)
    assert not await messages.is_passed(db, 2, 3, -100, 7)
    assert not await messages.is_passed(db, 1, 4, -100, 7)
