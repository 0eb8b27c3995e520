"""Links to files: only we make them, and they open what they name and nothing else."""

from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.files.media_links import DAY_S, LONGEST, LONGEST_NAME, OCTETS, BadLinkError, MediaLink, MediaLinks

OLD, NEW = "old-key", "new-key"


def nowhere() -> None:
    """Nobody can reach us."""


LINKS = MediaLinks.of([NEW, OLD], lambda: "https://dealgram.example/")
LINK = MediaLink(account_id=1, bot_id=700, file_id="AgACx", content_type="image/jpeg")

texts = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=80)
links = st.builds(
    MediaLink,
    account_id=st.integers(1, 2**53),
    bot_id=st.integers(1, 2**53),
    file_id=texts,
    content_type=texts,
    file_name=texts,
    expires_at=st.just(0),
)


@given(links)
def test_what_was_signed_is_what_is_read(link):
    assert LINKS.verify(LINKS.sign(link), 1e12) == link


@given(links, st.data())
def test_no_link_survives_a_change(link, data):
    name = LINKS.sign(link)
    raw = bytearray(base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    changed = base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()
    with pytest.raises(BadLinkError):
        LINKS.verify(changed, 0)


@given(st.text(max_size=200))
def test_whatever_else_is_asked_for_is_refused_politely(name):
    with pytest.raises(BadLinkError):
        LINKS.verify(name, 0)


def test_a_link_says_why_it_opens_nothing():
    def reason(name: str, now: float = 0) -> str:
        with pytest.raises(BadLinkError) as caught:
            LINKS.verify(name, now)
        return caught.value.reason

    assert reason("nonsense!") == "unknown"
    assert reason("") == "unknown"
    assert reason("A" * 5000) == "unknown"
    assert reason(MediaLinks.of(["stranger"], nowhere).sign(LINK)) == "forged"
    short = MediaLink(account_id=1, bot_id=700, file_id="x", expires_at=100)
    assert LINKS.verify(LINKS.sign(short), 99.9) == short
    assert reason(LINKS.sign(short), 100) == "expired"


def test_another_spelling_of_the_same_bytes_is_no_link():
    name = LINKS.sign(LINK)
    assert LINKS.verify(name, 0) == LINK
    for other in (name + "=", name + "==", f" {name}", name + "\n"):
        with pytest.raises(BadLinkError):
            LINKS.verify(other, 0)


def test_links_live_through_a_rotation_of_keys_and_die_with_their_key():
    before = MediaLinks.of([OLD], nowhere).sign(LINK)
    assert LINKS.verify(before, 0) == LINK
    with pytest.raises(BadLinkError, match="forged"):
        MediaLinks.of([NEW], nowhere).verify(before, 0)


def test_a_link_has_one_address_and_none_where_nobody_can_reach_us():
    assert LINKS.url(LINK) == f"https://dealgram.example/media/{LINKS.sign(LINK)}"
    assert LINKS.url(LINK) == LINKS.url(LINK)
    assert MediaLinks.of([OLD], nowhere).url(LINK) is None


def file_link(now_s: float = 0, days: int = 30, **parts) -> MediaLink:
    """What a link to a file of a message stands for."""
    url = MediaLinks.of([NEW], lambda: "https://us.example", days).file_url(
        msgspec.structs.replace(LINK, **parts), now_s
    )
    name = url.removeprefix("https://us.example/media/")
    assert len(name) <= LONGEST
    return LINKS.verify(name, now_s)


@given(st.floats(0, 4e9), st.integers(1, 3650))
def test_a_file_is_good_for_its_days_and_less_than_one_more(now_s, days):
    end = file_link(now_s, days).expires_at
    assert days * DAY_S < end - int(now_s) <= (days + 1) * DAY_S
    assert file_link(now_s // DAY_S * DAY_S, days).expires_at == end


def test_without_days_a_file_stays_good_for_ever():
    assert file_link(1e9, 0).expires_at == 0


@given(st.text(max_size=400))
def test_a_name_keeps_its_ending_and_a_link_its_length(name):
    kept = file_link(file_name=name, file_id="A" * 200).file_name
    assert len(kept) <= LONGEST_NAME
    assert kept[-20:] == name[-20:]


def test_a_name_that_is_no_text_does_no_harm():
    assert file_link(file_name="a\ud800.jpg").file_name == "a?.jpg"


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("image/jpeg", "image/jpeg"),
        ("IMAGE/PNG", "image/png"),
        ("text/plain; charset=utf-8", "text/plain"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document",) * 2,
        ("", OCTETS),
        ("image", OCTETS),
        ("image/jpeg\r\nSet-Cookie: a=b", OCTETS),
        ("картинка/png", OCTETS),
        ("a/" + "b" * 500, OCTETS),
    ],
)
def test_a_type_that_is_none_is_an_octet_stream(said, taken):
    assert file_link(content_type=said).content_type == taken


def test_keys_show_nowhere():
    assert NEW not in repr(LINKS)
    assert str(LINKS.keys[0]) not in repr(LINKS)
