"""The seller's billing: an account that had lapsed goes on at once when it is paid for, and is paid for once."""

from __future__ import annotations

import datetime as dt
import uuid

import httpx
import trio
from pydantic import SecretStr

from dealgram.persistence import subscriptions

TOKEN = "the-token-of-the-billing"
QUESTION = "Есть кто-нибудь?"
WAITING = "SELECT count(*) FROM outbox WHERE account_id = $1 AND state = 'pending' AND kind = 'amo.message'"


async def test_a_payment_sets_a_lapsed_account_going_at_once_and_counts_once(empty_stage, connected):
    stage = empty_stage
    stage.settings = stage.settings.model_copy(update={"billing_token": SecretStr(TOKEN)})
    async with connected(stage) as service:
        await stage.settled()
        anna = stage.world.anna
        await stage.start_bot(anna)
        await stage.settled()
        db, account_id = service.services.db, stage.world.account.id
        base = f"{service.services.public_url}/billing/v1/accounts"
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as billing:

            async def change(**order) -> httpx.Response:
                order = {"request_id": str(uuid.uuid4())} | order
                return await billing.post(f"{base}/{account_id}/subscription", json=order)

            shown = (await billing.get(f"{base}/{account_id}/subscription")).json()
            assert (shown["account_id"], shown["state"], shown["days_left"]) == (account_id, "trial", 14)
            assert [each["change"] for each in shown["changes"]] == ["trial"]
            assert (await billing.get(f"{base}/{account_id + 1}/subscription")).status_code == 404

            # The end of the access comes, and what people write waits.
            ended = (await change(until=dt.datetime.now(dt.UTC).isoformat())).json()
            assert (ended["state"], ended["days_left"]) == ("lapsed", 0)
            stage.telegram.write(anna, stage.world.sales_bot, QUESTION)
            with trio.fail_after(30):
                while not await stage.count(WAITING, account_id):  # noqa: ASYNC110
                    await trio.sleep(0.02)  # the database has no event for it
            assert QUESTION not in stage.card_texts(anna)

            payment = {"extend_days": 30, "request_id": str(uuid.uuid4())}
            paid = (await change(**payment)).json()
            assert (paid["state"], paid["days_left"]) == ("active", 30)
            assert paid["changes"][0]["by"] == "billing"
            assert paid["changes"][0]["request_id"] == payment["request_id"]

            with trio.fail_after(10):  # what waits for an account is looked at twice a minute otherwise
                await stage.in_card(anna, QUESTION)

            # The same payment again, as after a lost answer: nothing is added. Another under its id is refused.
            again = (await change(**payment)).json()
            assert (again["until"], len(again["changes"])) == (paid["until"], len(paid["changes"]))
            other = await change(request_id=payment["request_id"], extend_days=60)
            assert (other.status_code, other.json()["error"]["code"]) == (422, "request_id_reused")
            stored = await subscriptions.get(db, account_id)
            assert stored.until == dt.datetime.fromisoformat(paid["until"])
            assert service.services.registry.account(account_id).is_usable
    stage.assert_clean()
