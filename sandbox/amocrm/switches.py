"""What the documentation of amoCRM leaves open, one switch per doubtful point.

Owns `Switches`. Each field names the point of section 20 of the amoCRM contract (or the paragraph) that it stands for;
the default is what the documentation says where it says anything, else what other people's clients have seen. Code
that must live with every position is tested in all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """One position per doubtful point. Replace the whole object to change it: `simulator.switches = replace(...)`."""

    # Chats API
    delivery_field: Literal["either", "status_code", "delivery_status"] = "either"  # point 1
    # Is the list of reactions that is declared for a channel also the list of those that are accepted from it
    reactions: Literal["any", "declared"] = "any"  # section 5
    unknown_reactor: Literal["accept", "refuse"] = "accept"  # section 6: somebody who never wrote reacts
    status_after_error: Literal["changes", "final"] = "changes"  # section 8: can what failed be delivered later
    reaction_hook: Literal["msgid", "message"] = "msgid"  # point 2
    typing_hook: Literal["inside", "beside"] = "inside"  # point 3: `action.typing.user` or `action.user`
    media_group: Literal["message", "beside", "absent"] = "message"  # point 4: in `message.message`, in `message`
    album_text: Literal["first", "each"] = "first"  # section 9: the text of a message with several attachments
    album_order: Literal["kept", "shuffled"] = "kept"  # point 24: in which order the hooks of one album come
    file_facts: Literal["given", "empty"] = "given"  # section 9: the example of a hook has no name and the size 0
    message_ids: Literal["uuid", "ours"] = "uuid"  # point 5: the ids in the answer to a new message
    duplicate_msgid: Literal["same_ids", "refuse"] = "same_ids"  # point 6
    error_body: Literal["object", "empty"] = "object"  # point 7: body of a refused Chats API request
    sender_rendering: Literal["per_message", "first"] = "per_message"  # point 9
    chat_lead: Literal["latest_lead", "every_lead"] = "latest_lead"  # point 10, section 12a
    media_fetch: Literal["at_once", "late", "twice", "never"] = "at_once"  # point 18: when posted media are fetched
    media_late_s: float = 1.0  # how late "late" and the second time of "twice" are; on trio's clock
    media_first: Literal["get", "head", "range"] = "get"  # point 18: the first request to an address
    file_limit: int | None = None  # point 18: a `file_size` above it is refused
    fetch_avatars: bool = False  # point 18: each new address of a participant's picture is fetched, once and soon
    # Section 12: what becomes of a message of a known contact. open_deal: it goes to the open deal, else a new one;
    # new_deal: every new talk is a new deal; unsorted: to the open deal, else among the unsorted.
    # `account.incoming_rule` sets it for one account.
    incoming_rule: Literal["open_deal", "new_deal", "unsorted"] = "open_deal"
    unknown_source: Literal["default", "integration"] = "default"  # section 10: the documentation says both
    text_limit: int | None = None  # point 18, characters
    outgoing_unsorted: bool = False  # point 20: may a non-silent import by a manager make an unsorted
    chat_rate_per_s: float | None = None  # point 21
    sender_renames_contact: bool = False  # point 23
    user_import_hook: bool = False  # section 22: does what is done in a user's name come back as a hook
    participant_id: Literal["required", "id_or_ref"] = "required"  # section 6: `ref_id` alone is enough in practice
    connect_all_required: bool = False  # section 6: "all fields are required" against "optional" beside each
    unknown_quote: Literal["refuse", "ignore"] = "refuse"  # `reply_to` that names no message of the same chat
    visibility_delay_s: float = 0.0  # section 5: accepted is not yet visible; on trio's clock, needs `run`
    history_window_s: float | None = 86_400.0  # section 7: a card shows messages from 24 h before the deal; None is all
    button_match: Literal["exact", "lenient"] = "exact"  # section 17: how `wait_answer` compares a text with a button
    hook_newline: bool = False  # section 9: the body ends with a newline that is not signed
    hook_timeout_s: float = 5.0

    # CRM webhooks (section 14)
    crm_hook_timeout_s: float = 2.0
    crm_hook_retries_s: tuple[float, ...] = (300.0, 900.0, 900.0, 3600.0)  # after the 1st, 2nd ... failed attempt
    delete_hook: Literal["listed", "bare"] = (
        "listed"  # `leads[delete][0][id]` or, as one sentence says, `leads[delete]`
    )
    link_hooks: bool = True  # is attaching a contact an update of the deal and of the contact
    merge_hooks: Literal["delete_first", "update_first"] = "delete_first"  # a merge comes as both
    talk_entity_type: Literal["lead", "leads"] = "lead"  # point 11: both were seen
    unlisted_webhook_events: bool = False  # point 12: can the unsorted and messages be subscribed to by the API
    repost_enables_webhook: bool = False  # does subscribing again switch a disabled webhook on
    unsorted_accepted: Literal["add_lead", "status_lead"] = "add_lead"  # what accepting an unsorted tells of its deal
    webhooks_after_uninstall: Literal["kept", "removed"] = "kept"

    # Installation and removal of the integration
    redirect_client_id: bool = False  # point 14: is `client_id` among the parameters of the redirect
    uninstall_client: Literal["client_uuid", "client_id"] = "client_uuid"  # point 14
    after_uninstall: Literal["kept", "forgotten"] = "kept"  # point 26: sources, chats and their links

    # Tokens (section 2)
    foreign_host_status: Literal[401, 404] = 401  # a token at a host that is not (any more) its account's

    # REST v4
    source_limit: int = 100  # point 8
    source_id_length: int = 36  # point 8
    contact_query: Literal["substring", "word"] = "substring"  # point 16
    search_lag_s: float = 0.0  # point 16
    field_page_limit: int = 250  # point 17
    duplicate_field_code: Literal["accept", "refuse"] = "accept"  # point 17
    rest_rate_per_s: float | None = 7.0  # point 21; per account
    rest_retry_after_s: int = 1  # Kommo was seen to ask for 300
    rest_block_after: int = 20  # this many refusals for haste within a minute block the account (403 as HTML)
    rest_block_s: float = 60.0
    repeated_link: Literal["refreshes", "keeps"] = "refreshes"  # point 10: is a deal linked again the one linked last
    bulk_limit: int = 250  # point 22
    contacts_per_lead: int | None = None  # point 22: error code 330 above it
    restored_contact_links: bool = True  # does a contact come out of the trash with its deals and chats
    deleted_pipeline_source: Literal["kept", "main"] = "kept"  # the `pipeline_id` of a source whose pipeline is gone
    template_limit: int = 500  # section 15: 422 above a number that is not said
    archived_pipelines: Literal["listed", "absent"] = "listed"  # does the list of pipelines hold archived ones
    several_duplicates: Literal["newest", "all", "new"] = "newest"  # section 15: the pipeline's own setting
    duplicate_conflict: Literal["update", "keep"] = "update"  # section 15: likewise
    empty_chat_links: Literal["no_content", "empty_list"] = "no_content"  # point 29
    partial_bulk: Literal["all_or_nothing", "partial"] = "all_or_nothing"  # point 30

    # The simulator's own strictness
    unknown_fields: Literal["refuse", "record", "ignore"] = "refuse"
