"""amoCRM's REST v4 and OAuth: typed calls and answers for one account at a time."""

from dealgram.gateways.amocrm.accounts import Account, Pipeline, Status, User
from dealgram.gateways.amocrm.channels import CRM_EVENTS, Source, Webhook
from dealgram.gateways.amocrm.client import AmoCrmClient
from dealgram.gateways.amocrm.contacts import ChatLink, Contact, ContactDraft, ContactField
from dealgram.gateways.amocrm.crm_hooks import (
    ContactChanged,
    CrmEvent,
    CrmHook,
    LeadChanged,
    TalkChanged,
    UnsortedChanged,
    parse_crm_hook,
)
from dealgram.gateways.amocrm.events import AccountEvent
from dealgram.gateways.amocrm.leads import LOST, WON, Lead, LeadContact, NewLead, TooManyLinksError
from dealgram.gateways.amocrm.notes import Note
from dealgram.gateways.amocrm.oauth import GrantRefused, OAuthClient, Subdomain, Tokens, verify_uninstall
from dealgram.gateways.amocrm.session import TokenProvider
from dealgram.gateways.amocrm.tasks import Task
from dealgram.gateways.amocrm.unsorted import UnsortedChat

__all__ = [
    "CRM_EVENTS",
    "LOST",
    "WON",
    "Account",
    "AccountEvent",
    "AmoCrmClient",
    "ChatLink",
    "Contact",
    "ContactChanged",
    "ContactDraft",
    "ContactField",
    "CrmEvent",
    "CrmHook",
    "GrantRefused",
    "Lead",
    "LeadChanged",
    "LeadContact",
    "NewLead",
    "Note",
    "OAuthClient",
    "Pipeline",
    "Source",
    "Status",
    "Subdomain",
    "TalkChanged",
    "Task",
    "TokenProvider",
    "Tokens",
    "TooManyLinksError",
    "UnsortedChanged",
    "UnsortedChat",
    "User",
    "Webhook",
    "parse_crm_hook",
    "verify_uninstall",
]
