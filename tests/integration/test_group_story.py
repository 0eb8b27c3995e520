"""The group's story end to end: linking, messages into every deal, answers back, unlinking."""

from __future__ import annotations


async def test_a_group_message_reaches_every_linked_deal_and_an_answer_reaches_the_group(stage):
    world = stage.world
    await stage.link(world.cafe)
    await stage.link(world.office)

    stage.telegram.write(world.igor, world.group, "Когда будет макет?")
    for deal in (world.cafe, world.office):
        await stage.until(lambda deal=deal: "Когда будет макет?" in stage.texts(deal), f"the message in {deal}")
        assert stage.texts(deal).count("Когда будет макет?") == 1

    answer = stage.amo.answer(world.account, stage.chat_of_group(world.cafe), world.olga, "Завтра к обеду")
    await stage.until(lambda: "Завтра к обеду" in stage.group_texts(), "the answer in the group")
    await stage.until(lambda: "Завтра к обеду" in stage.texts(world.office), "the answer in the other deal")
    await stage.until(lambda: stage.amo.message(world.account, answer).status == "delivered", "the status")
    assert stage.group_texts().count("Завтра к обеду") == 1
    assert stage.texts(world.cafe).count("Завтра к обеду") == 1
    assert stage.texts(world.office).count("Завтра к обеду") == 1
    stage.assert_clean()
