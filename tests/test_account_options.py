"""``dealgram account set`` knows every choice of an account, and takes none that the service would not."""

from __future__ import annotations

import click
import pytest

from dealgram.actors.choices import AccountSettings
from dealgram.cli.account_options import HELP, changes_of


def test_every_choice_has_an_option():
    assert set(HELP) == set(AccountSettings.__struct_fields__)


def test_what_is_given_is_stored_and_the_rest_is_left_alone():
    given = dict.fromkeys(HELP) | {"notes": "no", "on_deal_closed": "unlink", "contact_tag": "", "manager_names": "yes"}
    assert changes_of(given) == {
        "notes": False,
        "on_deal_closed": "unlink",
        "contact_tag": "",
        "manager_names": True,
    }


@pytest.mark.parametrize("given", [{}, {"contact_tag": "x" * 65}, {"import_last_messages": 101}])
def test_nothing_and_too_much_are_refused(given):
    with pytest.raises(click.UsageError):
        changes_of(dict.fromkeys(HELP) | given)
