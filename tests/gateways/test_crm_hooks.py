"""CRM hooks: every documented form is read, and whatever else comes is left out or refused (amoCRM contract §14)."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.gateways.amocrm import (
    ContactChanged,
    CrmHook,
    LeadChanged,
    TalkChanged,
    UnsortedChanged,
    parse_crm_hook,
)
from dealgram.gateways.amocrm.crm_hooks import MOST_FIELDS, MOST_ITEMS
from dealgram.gateways.errors import BadPayload

ACCOUNT = [("account[id]", "12345678"), ("account[subdomain]", "sub"), ("account[_links][self]", "https://sub")]


def form(*pairs: tuple[str, str]) -> bytes:
    return urlencode([*pairs, *ACCOUNT]).encode()


def test_a_status_hook_as_the_contract_shows_it():
    hook = parse_crm_hook(
        form(
            ("leads[status][0][id]", "42"),
            ("leads[status][0][status_id]", "142"),
            ("leads[status][0][pipeline_id]", "7"),
            ("leads[status][0][old_status_id]", "100"),
            ("leads[status][0][name]", "Кофейня & бар"),
            ("leads[status][0][custom_fields][0][id]", "427183"),
            ("leads[status][0][custom_fields][0][values][0]", "1"),
        )
    )
    assert hook == CrmHook(
        account_id=12345678,
        subdomain="sub",
        events=(LeadChanged(lead_id=42, change="status", name="Кофейня & бар", status_id=142, pipeline_id=7),),
    )


@pytest.mark.parametrize(
    "pairs",
    [
        [("leads[delete][0][id]", "42"), ("leads[delete][1][id]", "43")],
        [("leads[delete][0]", "42"), ("leads[delete][1]", "43")],
        [("leads[delete][]", "42"), ("leads[delete][]", "43")],
        [("leads[delete]", "42"), ("leads[delete]", "43")],
        [("leads[delete][id]", "42"), ("leads[delete][id]", "43")],
        [("leads[delete][0][id]", "42"), ("leads[delete][0][id]", "42"), ("leads[delete]", "43")],
    ],
)
def test_a_deletion_names_its_ids_in_any_form(pairs):
    assert [event.lead_id for event in parse_crm_hook(form(*pairs)).events] == [42, 43]


def test_several_entities_and_actions_in_one_body():
    hook = parse_crm_hook(
        form(
            ("leads[add][0][id]", "1"),
            ("leads[update][0][id]", "2"),
            ("leads[restore][0][id]", "3"),
            ("leads[responsible][0][id]", "4"),
            ("contacts[delete][0][id]", "5"),
            ("contacts[delete][0][type]", "contact"),
            ("contacts[update][0][id]", "6"),
            ("contacts[update][0][type]", "company"),
            ("contacts[update][1][id]", "7"),
            ("task[update][0][0][id]", "8"),
            ("companies[add][0][id]", "9"),
            ("message[add][0][id]", "text"),
        )
    )
    assert hook.events == (
        LeadChanged(lead_id=1, change="add"),
        LeadChanged(lead_id=2, change="update"),
        LeadChanged(lead_id=3, change="restore"),
        LeadChanged(lead_id=4, change="responsible"),
        ContactChanged(contact_id=5, change="delete"),
        ContactChanged(contact_id=7, change="update"),
    )
    assert hook.ignored == ("task.update", "companies.add", "message.add")


def test_talks_and_the_unsorted():
    hook = parse_crm_hook(
        form(
            ("talk[update][0][talk_id]", "10"),
            ("talk[update][0][contact_id]", "11"),
            ("talk[update][0][chat_id]", "c-h-a-t"),
            ("talk[update][0][entity_id]", "12"),
            ("unsorted[delete][0][action]", "accept"),
            ("unsorted[delete][0][uid]", "u" * 60),
            ("unsorted[delete][0][category]", "chats"),
            ("unsorted[delete][0][accept_result][leads][0]", "13"),
            ("unsorted[delete][0][accept_result][contacts][0]", "14"),
            ("unsorted[delete][0][accept_result][contacts][1]", "15"),
        )
    )
    assert hook.events == (
        TalkChanged(talk_id=10, change="update", contact_id=11, chat_id="c-h-a-t", entity_id=12),
        UnsortedChanged(
            uid="u" * 60, change="delete", category="chats", verdict="accept", lead_ids=(13,), contact_ids=(14, 15)
        ),
    )


@pytest.mark.parametrize("raw", [b"", b"  \n"])
def test_a_probe_without_a_body_has_no_events(raw):
    assert parse_crm_hook(raw) == CrmHook()


@pytest.mark.parametrize("raw", [b'{"leads": [1]}', b"hello", b"a=b&c=d", b"\xff\xfe\x00", b"leads=5", b"[]=1"])
def test_what_is_no_form_of_amocrms_is_refused(raw):
    with pytest.raises(BadPayload):
        parse_crm_hook(raw)


@pytest.mark.parametrize("number", ["0", "-1", "1e3", "", "９", "9223372036854775808", "1" * 40, "12 3", "0x1"])
def test_an_id_that_is_none_makes_no_event(number):
    hook = parse_crm_hook(form(("leads[update][0][id]", number), ("account[id]", "5")))
    assert hook.events == ()


def test_the_first_account_counts():
    raw = form() + b"&account[id]=1"
    assert parse_crm_hook(raw).account_id == 12345678


def test_too_many_entities_are_cut_and_too_many_fields_refused():
    hook = parse_crm_hook(form(*[(f"leads[update][{n}][id]", str(n + 1)) for n in range(MOST_ITEMS + 5)]))
    assert len(hook.events) == MOST_ITEMS
    assert hook.cut
    with pytest.raises(BadPayload):
        parse_crm_hook(b"&".join([b"a[b]=1"] * (MOST_FIELDS + 1)))


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(raw):
    try:
        hook = parse_crm_hook(raw)
    except BadPayload:
        return
    assert isinstance(hook, CrmHook)


_WORDS = st.sampled_from(
    ["leads", "contacts", "talk", "unsorted", "account", "add", "update", "delete", "id", "0", "1", "", "uid", "x"]
)
_KEYS = st.builds(lambda name, parts: name + "".join(f"[{p}]" for p in parts), _WORDS, st.lists(_WORDS, max_size=7))


@given(st.lists(st.tuples(_KEYS, st.sampled_from(["1", "42", "", "-1", "contact", "company", "Я"])), max_size=30))
def test_any_form_gives_events_with_ids_that_a_database_can_hold(pairs):
    try:
        hook = parse_crm_hook(urlencode(pairs).encode())
    except BadPayload:
        return
    for event in hook.events:
        for name in ("lead_id", "contact_id", "talk_id"):
            value = getattr(event, name, None)
            assert value is None or 0 < value < 2**63


_LEAD_CHANGES = st.sampled_from(["add", "update", "status", "delete", "restore", "responsible"])


@given(st.lists(st.tuples(_LEAD_CHANGES, st.integers(1, 2**63 - 1)), max_size=20, unique=True))
def test_what_was_written_is_read_back_in_order(changes):
    counts: dict[str, int] = {}
    pairs = []
    for change, lead_id in changes:
        index = counts[change] = counts.get(change, -1) + 1
        pairs.append((f"leads[{change}][{index}][id]", str(lead_id)))
    events = parse_crm_hook(form(*pairs)).events
    assert [(event.change, event.lead_id) for event in events] == changes
