"""The form of a registration: what it accepts, what it refuses and with which words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.http.api.problems import ApiProblem
from dealgram.http.informer_form import LONGEST_NAME, digits_of, read_registration

GOOD = {
    "userName": "Анна Ким",
    "userPhone": "+7 (999) 123-45-67",
    "account": 7,
    "accountSubdomain": "Sub",
    "widgetName": "dealgram",
    "termsOfUse": True,
    "widgetStatus": "Y",
    "client_uuid": "5a9db0c5-0000-4000-8000-00000000c11e",
    "enumId": 1307,
}


def read(**changes):
    return read_registration(json.dumps(GOOD | changes).encode())


def test_what_the_widget_sends_is_read():
    found = read()
    assert (found.name, found.phone, found.has_consent, found.status) == ("Анна Ким", "79991234567", True, "Y")
    assert (found.account, found.subdomain, found.enum_id) == (7, "sub", "1307")


def test_what_the_contract_does_not_know_is_tolerated():
    assert read(email="a@example.org", more={"deep": [1]}) == read()


@pytest.mark.parametrize("agreed", [True, 1, "1", "true", "True", "Y", "on"])
def test_consent_may_be_written_in_several_ways(agreed):
    assert read(termsOfUse=agreed).has_consent


@pytest.mark.parametrize(
    "phone", ["89991234567", 79991234567, "999 123 45 67", "+998-90.123/45 67", "\u00a0+7 999 1234567"]
)
def test_numbers_are_brought_to_digits(phone):
    assert read(userPhone=phone).phone.isascii()
    assert read(userPhone=phone).phone.isdigit()


WRONG = [
    ("userName", ["", "   ", None, 7, "x" * (LONGEST_NAME + 1), "a\0b", "a\x07b", ["Анна"]]),
    ("userPhone", ["", None, "123456789", "1" * 16, "+7 999 123-45-67 доб. 1", "7999123456٧", "++79991234567", True]),
    ("userPhone", ["1" * 10 + " " * 60, {"number": "79991234567"}, "79991234567\0"]),
    ("termsOfUse", [False, None, 0, "", "false", "нет", {"yes": True}]),
    ("widgetStatus", [None, "", "y", "S", True, 1, ["Y"]]),
    ("account", [0, -1, True, "x", 2**63, "٧", 1.5, "9" * 30]),
    ("accountSubdomain", ["a.b", "-a", "a" * 64, 7, "a/b", "a b"]),
    ("client_uuid", ["x" * 65, 1.5, "a\nb", {}]),
    ("widgetName", ["x" * 256, [1]]),
    ("enumId", ["1" * 65, False]),
]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG for value in values])
def test_what_is_wrong_is_named_by_its_field(name, value):
    with pytest.raises(ApiProblem) as caught:
        read(**{name: value})
    assert (caught.value.status, caught.value.code, caught.value.field) == (422, "invalid", name)
    assert caught.value.message.endswith(".")
    assert str(value) not in caught.value.message or str(value).strip() in ("", "7", "0", "1", "Y", "y", "S")


@pytest.mark.parametrize("wrong", [{"userName": ""}, {"userPhone": "1"}, {"termsOfUse": False}, {"userName": None}])
def test_who_switches_it_off_fills_in_nothing(wrong):
    found = read(widgetStatus="N", **wrong)
    assert found.status == "N"
    assert not (found.name and found.phone and found.has_consent)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", b"7", b'"x"', b"{", b"\xff\xfe", b'{"a":"\xff"}', b"[" * 100_000, b'{"a":NaN}']
)
def test_what_is_no_form_is_refused(raw):
    with pytest.raises(ApiProblem) as caught:
        read_registration(raw)
    assert caught.value.status == 422


def test_too_many_fields_are_refused():
    with pytest.raises(ApiProblem):
        read(**{f"more{number}": 1 for number in range(64)})


@given(st.text(max_size=80))
def test_a_phone_is_ten_to_fifteen_digits_or_nothing(text):
    digits = digits_of(text)
    if digits is not None:
        assert digits.isascii()
        assert digits.isdigit()
        assert 10 <= len(digits) <= 15
        assert digits_of(digits) == digits


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), json_values))
def test_whatever_is_sent_is_read_within_limits_or_refused(changes):
    try:
        found = read(**changes)
    except ApiProblem:
        return
    assert len(found.name) <= LONGEST_NAME
    assert "\0" not in found.name + found.phone + found.widget_name + found.client_uuid + found.enum_id
    assert found.status == "N" or (found.name and found.phone and found.has_consent)
