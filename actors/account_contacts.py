"""The contacts of one account, by Telegram ID: found or created, one at a time per person.

Owned by the account actor alone, so that two groups that meet a person at the same moment never make two contacts.
"""

from __future__ import annotations

from dealgram.actors.asking import FindContact
from dealgram.actors.registry import AccountInfo
from dealgram.actors.services import AccountGone, Services
from dealgram.gateways.amocrm import ContactDraft
from dealgram.persistence import contacts, records
from dealgram.persistence.records import Contact

CONTACT_TAG = "Telegram"


class AccountContacts:
    """See the module."""

    def __init__(self, services: Services, account_id: int) -> None:
        self._services = services
        self._account_id = account_id

    async def find(self, request: FindContact) -> int | None:
        """The contact of a Telegram user (or of a group): ours, else found in amoCRM, else created if asked to.

        Raises:
            AccountGone: the account is not set up yet.
        """
        if request.user_id is not None:
            known = await contacts.get(self._services.db, self._account_id, request.user_id)
            if known is not None:
                return known.contact_id
        client = self._services.amocrm(self._account_id)
        field_id = self._account().row.telegram_field_id
        if field_id is None:
            raise AccountGone(f"account {self._account_id} has no contact field yet", retry_after_s=30)
        # amoCRM's search is a hint only (amoCRM contract §11): the field itself decides.
        found = [
            contact.id
            for contact in await client.find_contacts(request.value)
            if request.value in contact.values_of(field_id)
        ]
        contact_id = min(found, default=None)
        if contact_id is None:
            if not request.create:
                return None
            draft = ContactDraft(
                name=request.name,
                fields={field_id: request.value},
                tags_to_add=(CONTACT_TAG,),
                request_id=request.value,
            )
            (contact_id,) = await client.create_contacts([draft])
        if request.user_id is not None:
            await records.upsert(
                self._services.db,
                Contact(
                    account_id=self._account_id,
                    user_id=request.user_id,
                    contact_id=contact_id,
                    name=request.name,
                    username=request.username,
                ),
            )
        return contact_id

    def _account(self) -> AccountInfo:
        account = self._services.registry.account(self._account_id)
        if account is None:
            raise AccountGone(f"account {self._account_id} is unknown here", retry_after_s=30)
        return account
