"""In which forum topic a conversation was last heard."""

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
