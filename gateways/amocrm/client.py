"""The REST API of one amoCRM account, all entities together."""

from __future__ import annotations

from dealgram.gateways.amocrm.accounts import AccountCalls
from dealgram.gateways.amocrm.channels import ChannelCalls
from dealgram.gateways.amocrm.contacts import ContactCalls
from dealgram.gateways.amocrm.events import EventCalls
from dealgram.gateways.amocrm.leads import LeadCalls
from dealgram.gateways.amocrm.notes import NoteCalls
from dealgram.gateways.amocrm.tasks import TaskCalls
from dealgram.gateways.amocrm.unsorted import UnsortedCalls


class AmoCrmClient(
    AccountCalls, LeadCalls, ContactCalls, NoteCalls, TaskCalls, EventCalls, UnsortedCalls, ChannelCalls
):
    """One account's REST API v4. Cheap: it owns neither connections nor tokens; see `Session` for its arguments and
    `gateways.errors` for what every call may raise."""
