"""A second amoCRM account in the sandbox, as a new customer has it: nothing is installed, no bot is connected.

Owns `build_newcomer`. The sample world of `world.py` stays as it is; whoever wants to see an installation adds this.
"""

from __future__ import annotations

from dealgram.sandbox.amocrm import AmoSimulator, SimAccount


def build_newcomer(amo: AmoSimulator) -> SimAccount:
    """«Новая компания»: an administrator, a manager, one pipeline with two deals. It still needs a host of its own."""
    account = amo.add_account("novaya", "Новая компания")
    account.owner.name = "Наталья Громова"
    account.main_pipeline.name = "Заявки"
    amo.add_user(account, "Павел Зимин")
    amo.add_lead(account, "Ремонт офиса на Садовой")
    amo.add_lead(account, "Мебель для переговорной")
    return account
