"""What gates say of accounts, as rows keep it: the newest word, written when the database can, and no oftener."""

from __future__ import annotations

import datetime as dt

import trio
from trio.testing import wait_all_tasks_blocked

from dealgram.actors.accounts import trouble_recorder
from dealgram.actors.accounts.trouble_recorder import TroubleRecorder
from dealgram.gateways.trouble import SENTENCES, Trouble, TroubleKind
from dealgram.persistence import accounts
from dealgram.runtime import Transient

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def trouble(kind: TroubleKind) -> Trouble:
    return Trouble(kind=kind, since=NOW, until=NOW)


async def test_a_trouble_is_written_once_and_taken_back(stage):
    db, account_id = stage.service.services.db, stage.world.account.id
    kind, detail = TroubleKind.UNPAID.value, SENTENCES[TroubleKind.UNPAID]
    assert await accounts.set_trouble(db, account_id, kind, detail)
    row = await accounts.get(db, account_id)
    assert (row.trouble, row.trouble_detail) == (kind, detail)
    assert not await accounts.set_trouble(db, account_id, kind, detail)
    assert (await accounts.get(db, account_id)).trouble_since == row.trouble_since
    assert await accounts.set_trouble(db, account_id, None, None)
    row = await accounts.get(db, account_id)
    assert (row.trouble, row.trouble_detail, row.trouble_since) == (None, None, None)


async def test_the_newest_word_is_written_when_the_database_is_back(monkeypatch, autojump_clock):
    written: list[tuple[int, str | None]] = []
    down = [True]

    async def set_trouble(db, account_id, kind, detail) -> bool:
        await trio.sleep(1)
        if down.pop() if down else False:
            raise Transient("the database is away")
        written.append((account_id, kind))
        return True

    monkeypatch.setattr(trouble_recorder.accounts, "set_trouble", set_trouble)
    recorder = TroubleRecorder(None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(recorder.run)
        recorder.note(1, trouble(TroubleKind.UNPAID))
        recorder.note(2, None)
        await wait_all_tasks_blocked()
        recorder.note(1, trouble(TroubleKind.BLOCKED))  # while the first word is on its way
        await trio.sleep(100)
        nursery.cancel_scope.cancel()
    assert sorted(written, key=str) == [(1, "blocked"), (2, None)]
