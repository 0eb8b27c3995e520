"""Looking contacts up in amoCRM and creating them, so that a Telegram person never gets two.

Creating a contact has no key of its own, and amoCRM's search is inexact and late (amoCRM contract §11, §20.16). So:

- the search is a hint; the «Telegram ID» field, compared exactly, decides;
- before amoCRM is asked to create, a claim is written (`persistence.contact_claims`); while a claim is open, nobody
  knows whether the contact exists, and it is looked for in the list of the newest contacts, which is no search;
- only when it is not there either, and `SETTLE_S` have passed since the request, is it created again.

Callers hold the value's lock: within an account, no two of these run for one value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from dealgram.actors.asking import FindContact
from dealgram.actors.registry import AccountInfo
from dealgram.actors.services import AccountGone, Services
from dealgram.gateways.amocrm import AmoCrmClient, ContactDraft
from dealgram.gateways.amocrm import Contact as AmoContact
from dealgram.gateways.errors import Forbidden, NotSent, PaymentRequired, Refused, Unauthorised
from dealgram.persistence import contact_claims
from dealgram.persistence.contact_claims import Claim
from dealgram.persistence.records import Contact
from dealgram.runtime import Transient

log = structlog.get_logger(__name__)

LINK_NAME = "Telegram"
LINK_CODE = "TELEGRAM_LINK"

SETTLE_S = 60.0
"""After a creation of unknown outcome: for how long amoCRM may still carry it out, or not yet list it."""

CLOCKS_APART_S = 600.0
"""How much amoCRM's clock may be behind the database's when the newest contacts are looked through."""

CREATE_BATCH = 50
_NOT_DONE = (NotSent, Refused, Unauthorised, Forbidden, PaymentRequired)


def profile_link(username: str | None) -> str | None:
    """The address of a person's profile in Telegram; None for those without a public name."""
    return f"https://t.me/{username}" if username else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The contact fields of an account: «Telegram ID», and the link to the profile if the account has it."""

    telegram_id: int
    link: int | None


class ContactCreation:
    """See the module."""

    def __init__(self, services: Services, account_id: int) -> None:
        self._services = services
        self._account_id = account_id
        self._link_field: int | None = None
        self._link_is_impossible = False

    def account(self) -> AccountInfo:
        """The account as it is known here.

        Raises:
            AccountGone: it is not.
        """
        account = self._services.registry.account(self._account_id)
        if account is None:
            raise AccountGone(f"account {self._account_id} is unknown here", retry_after_s=30)
        return account

    def id_field(self) -> int:
        """The field «Telegram ID».

        Raises:
            AccountGone: the account is not set up yet.
        """
        field_id = self.account().row.telegram_field_id
        if field_id is None:
            raise AccountGone(f"account {self._account_id} has no contact field yet", retry_after_s=30)
        return field_id

    async def look_up(self, value: str) -> int | None:
        """The live contact whose field holds exactly this value: the oldest, should a person have made a second."""
        field_id = self.id_field()
        found = await self._client.find_contacts(value)
        matching = sorted(contact.id for contact in found if value in contact.values_of(field_id))
        if len(matching) > 1:
            log.warning("several contacts have one Telegram ID", account=self._account_id, contacts=matching)
        return matching[0] if matching else None

    async def resume(self, claims: Iterable[Claim]) -> tuple[dict[str, int], list[Claim]]:
        """What came of creations of unknown outcome: the contacts that are there, and the claims still in doubt."""
        claims = list(claims)
        if not claims:
            return {}, []
        field_id = self.id_field()
        oldest_s = max(claim.age_s for claim in claims)
        since_s = self._services.now().timestamp() - oldest_s - CLOCKS_APART_S
        found: dict[str, int] = {}
        wanted = {claim.value for claim in claims}
        for contact in await self._client.newest_contacts(created_since_s=since_s):
            for value in wanted.intersection(contact.values_of(field_id)):
                found[value] = min(contact.id, found.get(value, contact.id))
        return found, [claim for claim in claims if claim.value not in found and claim.age_s < SETTLE_S]

    async def create(self, people: Sequence[FindContact]) -> dict[str, int]:
        """Create contacts that are known not to exist, in bulk; those that amoCRM refuses are not in the answer.

        Raises:
            Refused: amoCRM refuses the only one.
            GatewayError: the outcome is known to be nothing, or unknown, in which case the claims stay open.
        """
        created: dict[str, int] = {}
        for start in range(0, len(people), CREATE_BATCH):
            created |= await self._create_batch(people[start : start + CREATE_BATCH])
        return created

    async def _create_batch(self, people: Sequence[FindContact]) -> dict[str, int]:
        fields = Fields(telegram_id=self.id_field(), link=await self.link_field())
        values = [person.value for person in people]
        await contact_claims.begin(self._services.db, self._account_id, values)
        try:
            ids = await self._client.create_contacts([self._draft(person, fields) for person in people])
        except Refused:
            if len(people) > 1:
                return await self._create_singly(people)
            await contact_claims.drop(self._services.db, self._account_id, values)
            if fields.link is not None:
                # Perhaps an administrator deleted the field of the link; a contact is worth more than its link.
                self._link_field, self._link_is_impossible = None, True
                return await self._create_batch(people)
            raise
        except _NOT_DONE:
            await contact_claims.drop(self._services.db, self._account_id, values)
            raise
        created = dict(zip(values, ids, strict=True))
        await self.settle(people, created, named=True)
        return created

    async def _create_singly(self, people: Sequence[FindContact]) -> dict[str, int]:
        """After a refused request for many: amoCRM may have made some of them (§20.30), and one may spoil all."""
        claims = await contact_claims.get(self._services.db, self._account_id, [person.value for person in people])
        created, _ = await self.resume(claims.values())
        await self.settle([person for person in people if person.value in created], created, named=True)
        for person in people:
            if person.value not in created:
                try:
                    created |= await self._create_batch([person])
                except Refused as error:
                    log.error("amoCRM refuses a contact", account=self._account_id, error=str(error))
        return created

    async def settle(self, people: Sequence[FindContact], found: Mapping[str, int], *, named: bool) -> None:
        """Keep which contacts are whose. ``named``: they carry the names that we gave them."""
        await contact_claims.settle(
            self._services.db,
            self._account_id,
            people=[
                Contact(
                    account_id=self._account_id,
                    user_id=person.user_id,
                    contact_id=found[person.value],
                    name=person.name if named else "",
                    username=person.username if named else None,
                )
                for person in people
                if person.user_id is not None
            ],
            groups={person.value: found[person.value] for person in people if person.user_id is None},
        )

    async def link_field(self) -> int | None:
        """The field for the link to a person's profile; made if the account has none, None if it cannot be made."""
        known = self.account().row.link_field_id or self._link_field
        if known is not None or self._link_is_impossible:
            return None if self._link_is_impossible else known
        try:
            for field in await self._client.contact_fields():
                if field.code == LINK_CODE:
                    self._link_field = field.id
                    return field.id
            self._link_field = await self._client.create_contact_field(LINK_NAME, LINK_CODE, type_="url")
        except (Refused, Forbidden) as error:
            log.warning("contacts get no link to Telegram", account=self._account_id, error=str(error))
            self._link_is_impossible = True
        return self._link_field

    async def adopt(self, contact: AmoContact, person: FindContact, *, given_names: Sequence[str]) -> None:
        """Make a contact of amoCRM's the person's: its fields, the tag, and the name if it still is one we gave."""
        fields = Fields(telegram_id=self.id_field(), link=await self.link_field())
        draft = self._draft(person, fields, contact_id=contact.id)
        renamed = contact.name in given_names
        if not renamed:
            draft = ContactDraft(id=contact.id, fields=draft.fields, tags_to_add=draft.tags_to_add)
        await self._client.update_contacts([draft])
        await self.settle([person], {person.value: contact.id}, named=renamed)

    def _draft(self, person: FindContact, fields: Fields, *, contact_id: int | None = None) -> ContactDraft:
        values = {fields.telegram_id: person.value}
        link = profile_link(person.username)
        if fields.link is not None and link is not None:
            values[fields.link] = link
        tag = self.account().settings.contact_tag
        return ContactDraft(
            id=contact_id,
            name=person.name,
            fields=values,
            tags_to_add=(tag,) if tag else (),
            request_id=None if contact_id is not None else person.value,
        )

    @property
    def _client(self) -> AmoCrmClient:
        return self._services.amocrm(self._account_id)


def in_doubt(claims: Sequence[Claim]) -> Transient:
    """Nobody knows yet whether these contacts were created: come again."""
    wait_s = max(1.0, min(SETTLE_S - min(claim.age_s for claim in claims), 5.0))
    return Transient("the outcome of a contact's creation is not known yet", retry_after_s=wait_s)
