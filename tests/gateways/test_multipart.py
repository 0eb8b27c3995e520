"""A form with files: it reads back as it was meant, whatever the names, and its length is told before."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.gateways.multipart import FilePart, Multipart, safe_name
from dealgram.gateways.spool import MEMORY_BYTES, Spool


async def whole(form: Multipart) -> bytes:
    return b"".join([part async for part in form])


def read(form: Multipart, body: bytes) -> dict[str, bytes]:
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {form.content_type}\r\n\r\n".encode() + body)
    return {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in message.iter_parts()
    }


async def test_fields_and_files_read_back():
    large = bytes(range(256)) * 4096 * 2
    spool = Spool()
    for start in range(0, len(large), 100_000):
        await spool.write(large[start : start + 100_000])
    assert spool.is_on_disk
    files = [
        FilePart(field="a", name="Смета.pdf", data=Spool.of(b"%PDF-1.4\r\n--x"), mime="application/pdf"),
        FilePart(field="b", name="b.bin", data=spool),
        FilePart(field="c", name="empty", data=Spool.of(b"")),
    ]
    form = Multipart({"chat_id": "-100", "caption": "Привет\r\n👋"}, files)
    body = await whole(form)
    assert len(body) == form.length > 2 * MEMORY_BYTES
    found = read(form, body)
    assert found["a"] == b"%PDF-1.4\r\n--x"
    assert found["b"] == large
    assert found["c"] == b""
    assert found["caption"].decode() == "Привет\r\n👋"
    assert 'filename="Смета.pdf"\r\nContent-Type: application/pdf'.encode() in body
    spool.close()


async def test_a_form_without_files_and_without_fields():
    form = Multipart({}, (), boundary="b")
    assert (await whole(form), form.length) == (b"--b--\r\n", 7)


async def test_a_file_that_lost_its_bytes_does_not_hang_the_request():
    class Short(Spool):
        async def read(self, at, count=0):
            return b""

    spool = Short.of(b"x")
    with pytest.raises(OSError, match="shorter"):
        await whole(Multipart({}, [FilePart(field="a", name="a", data=spool)]))


@given(st.text())
def test_a_name_can_never_end_its_header(name):
    safe = safe_name(name)
    assert safe
    assert len(safe.encode()) <= 255
    assert not set(safe) & set('"\\/\r\n\0')


def test_names_keep_what_people_read():
    assert safe_name("Счёт № 5 (итог).pdf") == "Счёт № 5 (итог).pdf"
    assert safe_name('a"b/c\\d\r\ne') == "a'b_c_d__e"
    assert safe_name("") == "file"
    long = safe_name("я" * 300 + ".docx")
    assert long.endswith("я.docx")
    assert len(long.encode()) in (254, 255)
