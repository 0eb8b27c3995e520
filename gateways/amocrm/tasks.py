"""Tasks for users of an account (amoCRM documentation: crm_platform/tasks-api)."""

from __future__ import annotations

import msgspec

from dealgram.gateways.amocrm.leads import CreatedId
from dealgram.gateways.amocrm.session import PAGE_LIMIT, Session
from dealgram.gateways.lenient import Int64, UnixTime

CALL = 1
"""The task type «Звонок» (shown as «Связаться»), one of the two that every account has."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task. ``complete_till`` in Unix seconds."""

    id: Int64
    responsible_user_id: Int64 = 0
    text: str = ""
    is_completed: bool = False
    created_at: UnixTime = 0
    complete_till: UnixTime = 0


class TaskCalls(Session):
    """Tasks."""

    async def add_task(
        self, user_id: int, text: str, *, complete_till: int, task_type_id: int = CALL, request_id: str = "0"
    ) -> int:
        """Gives a user a task that belongs to no card; its id. ``complete_till`` in Unix seconds.

        Raises:
            OutcomeUnknown: it may exist: look at `tasks` before adding it again.
            Refused: e.g. the user is gone.
        """
        item = {
            "responsible_user_id": user_id,
            "task_type_id": task_type_id,
            "text": text,
            "complete_till": complete_till,
            "request_id": request_id,
        }
        (created,) = await self._change("add_task", "POST", "tasks", "tasks", CreatedId, [item], repeatable=False)
        return created.id

    async def tasks(self, user_id: int, *, limit: int = PAGE_LIMIT) -> list[Task]:
        """The latest tasks of a user, done or not, the newest first."""
        query: list[tuple[str, str | int]] = [
            ("filter[responsible_user_id]", user_id),
            ("order[created_at]", "desc"),
            ("limit", limit),
        ]
        return await self._list("tasks", "tasks", "tasks", Task, query)
