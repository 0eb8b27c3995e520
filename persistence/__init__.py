"""PostgreSQL behind trio: the connection, migrations, the journal, repositories, secrets and retention.

The names below are the package's surface. Repositories are modules of functions that take the database first::

    from dealgram.persistence import groups
    group = await groups.by_chat(db, account_id, bot_id, chat_id)
"""

from __future__ import annotations

from dealgram.persistence import (
    accounts,
    bots,
    contacts,
    conversations,
    dead_letters,
    embedded,
    employees,
    groups,
    installations,
    links,
    messages,
    participants,
    persons,
    records,
    retention,
    setup_steps,
    subscriptions,
    users,
)
from dealgram.persistence.database import Database
from dealgram.persistence.embedded import EmbeddedPostgres, EmbeddedPostgresError
from dealgram.persistence.entries import Commit, Completed, Delivery, InboxEntry, NewDelivery, NewEntry
from dealgram.persistence.errors import DatabaseUnavailable, ForeignRowError, MigrationError
from dealgram.persistence.journal import DeliveryEndedError, Journal
from dealgram.persistence.records import (
    Account,
    Bot,
    ChatAlias,
    Contact,
    Conversation,
    Employee,
    Group,
    Installation,
    Link,
    Message,
    Participant,
    Person,
    SetupStep,
    User,
)
from dealgram.persistence.schema import migrate
from dealgram.persistence.secret_box import SecretBox, SecretError, generate_key, rotate_all
from dealgram.persistence.sharding import SHARDS, shard_of
from dealgram.persistence.tables import Row
from dealgram.persistence.writer import WriterStatistics

__all__ = [
    "SHARDS",
    "Account",
    "Bot",
    "ChatAlias",
    "Commit",
    "Completed",
    "Contact",
    "Conversation",
    "Database",
    "DatabaseUnavailable",
    "Delivery",
    "DeliveryEndedError",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "Employee",
    "ForeignRowError",
    "Group",
    "InboxEntry",
    "Installation",
    "Journal",
    "Link",
    "Message",
    "MigrationError",
    "NewDelivery",
    "NewEntry",
    "Participant",
    "Person",
    "Row",
    "SecretBox",
    "SecretError",
    "SetupStep",
    "User",
    "WriterStatistics",
    "accounts",
    "bots",
    "contacts",
    "conversations",
    "dead_letters",
    "embedded",
    "employees",
    "generate_key",
    "groups",
    "installations",
    "links",
    "messages",
    "migrate",
    "participants",
    "persons",
    "records",
    "retention",
    "rotate_all",
    "setup_steps",
    "shard_of",
    "subscriptions",
    "users",
]
