"""What administrators read about the setup: every step has a title."""

from __future__ import annotations

from dealgram.actors.accounts import setup_texts
from dealgram.actors.accounts.account_setup import STEPS


def test_every_step_has_a_title():
    assert setup_texts.STEP_TITLES.keys() == STEPS.keys()
