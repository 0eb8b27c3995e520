"""Only amoCRM's own hosts are ever spoken to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.gateways.amo_hosts import AmoHosts, ForeignHostError, host_of

REAL = AmoHosts(("amocrm.ru", "amocrm.com", "kommo.com"))
SANDBOX = AmoHosts(("127.0.0.1",))


@pytest.mark.parametrize("host", ["sub.amocrm.ru", "SUB.amocrm.RU", "a-b.kommo.com", "api-b.amocrm.com", "amocrm.ru"])
def test_hosts_below_the_domains_are_amocrms_over_https(host):
    assert REAL.base_url(host) == f"https://{host.lower()}"
    assert REAL.is_ours(f"https://{host.lower()}")


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "amocrm.ru.evil.example",
        "evilamocrm.ru",
        "sub.amocrm.ru:8443",
        "sub.amocrm.ru:443",
        "sub.amocrm.ru/x",
        "sub.amocrm.ru#",
        "sub.amocrm.ru@evil.example",
        "user:secret@sub.amocrm.ru",
        "https://sub.amocrm.ru",
        ".amocrm.ru",
        "sub..amocrm.ru",
        "-sub.amocrm.ru",
        "суб.amocrm.ru",
        "sub.amocrm.ru\r\nX: y",
        "127.0.0.1",
        "127.0.0.1:8080",
        "localhost",
        "[::1]",
        "a" * 250 + ".amocrm.ru",
    ],
)
def test_anything_else_is_foreign(host):
    with pytest.raises(ForeignHostError):
        REAL.base_url(host)


def test_loopback_is_plain_http_and_only_where_it_is_configured():
    assert SANDBOX.base_url("127.0.0.1:8092") == "http://127.0.0.1:8092"
    for host in ("127.0.0.1:", "127.0.0.1:0", "127.0.0.1:99999", "127.0.0.1:80/x", "localhost:1", "sub.amocrm.ru"):
        with pytest.raises(ForeignHostError):
            SANDBOX.base_url(host)


@given(st.text(max_size=60))
def test_whatever_comes_in_what_goes_out_is_a_host_of_a_configured_domain(text):
    try:
        url = REAL.base_url(text)
    except ForeignHostError:
        return
    host = host_of(url)
    assert url == f"https://{host}"
    assert host.isascii()
    assert host.rpartition(".")[0].rpartition(".")[2] + "." + host.rpartition(".")[2] in (
        "amocrm.ru",
        "amocrm.com",
        "kommo.com",
    )
