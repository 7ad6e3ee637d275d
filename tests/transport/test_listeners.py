"""Who may connect, and what addresses are called."""

from __future__ import annotations

import pytest

from engine.errors import ConfigError
from engine.transport.listeners import AllowList, peer_text

ADMITS = [
    ((), "203.0.113.9", True),
    (("10.20.0.0/16",), "10.20.255.1", True),
    (("10.20.0.0/16",), "10.21.0.1", False),
    (("10.20.0.0/16",), "::ffff:10.20.0.1", True),
    (("10.20.3.4/16",), "10.20.9.9", True),
    (("10.1.2.3", "2001:db8::/32"), "2001:db8::5", True),
    (("fe80::/10",), "fe80::1%eth0", True),
    (("10.20.0.0/16",), "not an address", False),
]


@pytest.mark.parametrize("networks, host, admitted", ADMITS)
def test_an_allow_list_admits_its_networks(networks, host, admitted):
    assert AllowList(networks).admits(host) is admitted


@pytest.mark.parametrize("text", ["10.20.0.0/33", "ward", "10.20.", ""])
def test_what_is_no_network_is_refused(text):
    with pytest.raises(ConfigError, match="no network"):
        AllowList([text])


@pytest.mark.parametrize(
    "name, text", [(("127.0.0.1", 25), "127.0.0.1:25"), (("::1", 25, 0, 0), "[::1]:25"), (None, ""), ("/tmp/x", "")]
)
def test_an_address_is_written_for_people(name, text):
    assert peer_text(name) == text
