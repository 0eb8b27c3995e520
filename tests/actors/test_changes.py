"""What an edit comes to, and the memory of what was said first."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.body_parts import Author
from dealgram.actors.cards.changes import Change, compare, first_version, next_version
from dealgram.actors.reading.incoming import Incoming


def says(line: str, **more) -> Incoming:
    author = Author(id="tgu-5", name="Анна", user_id=5)
    return Incoming(
        chat_id=-1,
        chat_title="",
        chat_kind="group",
        message_id=2,
        sent_at_ms=3,
        author=author,
        text="",
        line=line,
        **more,
    )


def test_an_edit_without_a_visible_difference_is_none():
    known = first_version(says("Привет"), 7, 8)
    assert compare(known, says("Привет")) is Change.NOTHING
    assert compare(known, says("Привет!")) is Change.CONTENT


def test_another_file_under_the_same_words_is_a_difference():
    known = first_version(says("🖼 Фотография", file_key="a"), 7, 8)
    assert compare(known, says("🖼 Фотография", file_key="a")) is Change.NOTHING
    assert compare(known, says("🖼 Фотография", file_key="b")) is Change.CONTENT


def test_a_live_location_is_told_at_its_end_only_and_once():
    known = first_version(says("📍 1", live="moves"), 7, 8)
    assert known.is_live
    assert compare(known, says("📍 2", live="moves")) is Change.NOTHING
    assert compare(None, says("📍 2", live="moves")) is Change.NOTHING
    end = says("📍 3")
    assert compare(known, end) is Change.LIVE_ENDED
    after = next_version(known, end, 7, 8)
    assert (after.is_live, after.edits, after.first_text) == (False, 0, "📍 1")
    assert compare(after, end) is Change.NOTHING


def test_of_a_message_that_was_never_kept_everything_may_be_new():
    assert compare(None, says("Да")) is Change.CONTENT
    row = next_version(None, says("Да"), 7, 8)
    assert (row.first_text, row.text, row.edits) == ("", "Да", 1)


@given(st.lists(st.tuples(st.sampled_from("абв"), st.sampled_from(["f", "g", None])), min_size=1, max_size=12))
def test_whatever_follows_the_first_text_stays_and_every_real_change_counts(versions):
    first, *edits = [says(line, file_key=key) for line, key in versions]
    row, changes = first_version(first, 7, 8), 0
    before = first
    for edit in edits:
        differs = (edit.line, edit.file_key) != (before.line, before.file_key)
        assert (compare(row, edit) is Change.CONTENT) == differs
        if differs:
            row, changes, before = next_version(row, edit, 7, 8), changes + 1, edit
    assert (row.first_text, row.text, row.file_id, row.edits) == (first.line, before.line, before.file_key, changes)
    assert dataclasses.replace(row, edits=0).is_live is False
