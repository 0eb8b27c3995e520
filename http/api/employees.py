"""`/api/v1/people` and `/api/v1/employees`: who in Telegram works for the account."""

from __future__ import annotations

from typing import Annotated

import msgspec

from dealgram.actors.accounts.staff import MAX_ID, StaffError
from dealgram.http.api.account_port import AccountPort, Answer, EmployeeView, PersonChoice
from dealgram.http.api.frame import Api, Caller
from dealgram.http.api.problems import ApiProblem, invalid
from dealgram.http.api.reading import Change, Query

MOST_PEOPLE = 20
_TELEGRAM_ID = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
_AMO_ID = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]

_REFUSALS = {
    "bad_person": ("user_id", "Укажите человека из списка, его имя пользователя (@name) или ID в Telegram."),
    "unknown_person": (
        "username",
        "Такой человек ещё не писал в группах этого аккаунта. Пусть напишет в группу с ботом, или укажите его ID.",
    ),
    "several_people": ("username", "Под этим именем писали несколько человек. Выберите человека из списка."),
    "unknown_user": ("amo_user_id", "В аккаунте нет такого пользователя amoCRM."),
}


class PeopleQuery(Query, frozen=True, kw_only=True):
    """`q`: a part of the name or of the username, or the Telegram id."""

    q: Annotated[str, msgspec.Meta(max_length=100)] = ""


class PeopleAnswer(Answer, frozen=True, kw_only=True):
    """At most 20 people, the one seen last first."""

    people: tuple[PersonChoice, ...]


class EmployeesAnswer(Answer, frozen=True, kw_only=True):
    """Who works for the account."""

    employees: tuple[EmployeeView, ...]


class NewEmployee(Change, frozen=True, kw_only=True):
    """A person (by Telegram id, or by the username of somebody seen in a group) and the user of amoCRM they are."""

    amo_user_id: _AMO_ID
    user_id: _TELEGRAM_ID | None = None
    username: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class EmployeeAnswer(Answer, frozen=True, kw_only=True):
    """The employee."""

    employee: EmployeeView


def routes(api: Api, port: AccountPort) -> None:
    """Add the routes over the account port."""

    @api.get("/people", without_access=True)
    async def find_people(caller: Caller, query: PeopleQuery) -> PeopleAnswer:
        """People in the account's Telegram groups, to choose employees from."""
        found = await port.people(caller.account_id, query.q.strip().removeprefix("@"), MOST_PEOPLE)
        return PeopleAnswer(people=tuple(found))

    @api.get("/employees", without_access=True)
    async def list_employees(caller: Caller) -> EmployeesAnswer:
        """Which people in Telegram are users of amoCRM: what they write is the user's, not a client's."""
        return EmployeesAnswer(employees=tuple(await port.employees(caller.account_id)))

    @api.post("/employees", status=201, codes=("unknown_person", "several_people", "unknown_user"))
    async def add_employee(caller: Caller, body: NewEmployee) -> EmployeeAnswer:
        """Say that a person in Telegram is a user of amoCRM, from now on. For an employee, the user is changed."""
        if (body.user_id is None) == (body.username is None):
            raise invalid("user_id", "Укажите человека: либо ID в Telegram, либо имя пользователя.")
        person = (
            str(body.user_id) if body.user_id is not None else f"@{(body.username or '').strip().removeprefix('@')}"
        )
        try:
            employee = await port.add_employee(caller.account_id, person, body.amo_user_id)
        except StaffError as error:
            field, text = _REFUSALS[error.reason]
            code = "invalid" if error.reason == "bad_person" else error.reason
            raise ApiProblem(422, code, text, field) from None
        return EmployeeAnswer(employee=employee)

    @api.delete("/employees/{user_id}")
    async def remove_employee(caller: Caller, user_id: int) -> None:
        """Say that a person is a client again, from now on. Of somebody who is no employee, nothing is changed."""
        await port.remove_employee(caller.account_id, user_id)
