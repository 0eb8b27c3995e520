"""amoCRM's REST v4 and OAuth: typed calls and answers for one account at a time."""

from dealgram.gateways.amocrm.accounts import Account, Pipeline, Status, User
from dealgram.gateways.amocrm.channels import CRM_EVENTS, Source, Webhook
from dealgram.gateways.amocrm.client import AmoCrmClient
from dealgram.gateways.amocrm.contacts import ChatLink, Contact, ContactDraft, ContactField
from dealgram.gateways.amocrm.leads import LOST, WON, Lead, LeadContact, NewLead
from dealgram.gateways.amocrm.oauth import GrantRefused, OAuthClient, Subdomain, Tokens, verify_uninstall
from dealgram.gateways.amocrm.session import TokenProvider

__all__ = [
    "CRM_EVENTS",
    "LOST",
    "WON",
    "Account",
    "AmoCrmClient",
    "ChatLink",
    "Contact",
    "ContactDraft",
    "ContactField",
    "GrantRefused",
    "Lead",
    "LeadContact",
    "NewLead",
    "OAuthClient",
    "Pipeline",
    "Source",
    "Status",
    "Subdomain",
    "TokenProvider",
    "Tokens",
    "User",
    "Webhook",
    "verify_uninstall",
]
