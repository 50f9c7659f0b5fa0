"""URLs, proxies, headers and bodies, before anything is sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.answer import Prompt
from evaltrail.core.errors import InputError
from evaltrail.models.address import parse_address
from evaltrail.models.proxies import is_exempt, proxy_for
from evaltrail.models.request_body import BodyWriter
from evaltrail.models.request_head import encode_head


@pytest.mark.parametrize(
    ("url", "route", "target", "authority"),
    [
        ("http://h:8000/v1", "chat", "/v1/chat/completions", "h:8000"),
        ("http://h:8000/v1/", "chat", "/v1/chat/completions", "h:8000"),
        ("http://h", "chat", "/chat/completions", "h"),
        ("https://h:443/v1/chat/completions", "chat", "/v1/chat/completions", "h"),
        ("https://h/v1/completions", "completions", "/v1/completions", "h"),
        ("http://[::1]:9/v1", "chat", "/v1/chat/completions", "[::1]:9"),
        ("http://h/v1?api-version=2#x", "chat", "/v1/chat/completions?api-version=2", "h"),
        ("http://bücher.example/v1", "chat", "/v1/chat/completions", "xn--bcher-kva.example"),
    ],
)
def test_a_url_names_what_is_asked_for(url, route, target, authority):
    """A base URL leads to chat; a full URL is used as it is."""
    address = parse_address(url)
    assert (address.route, address.target(address.route), address.authority) == (route, target, authority)


def test_other_routes_stand_beside_a_full_url():
    """Embeddings and log-probabilities are asked at the same base."""
    address = parse_address("http://h/v1/chat/completions")
    assert address.target("embeddings") == "/v1/embeddings"
    assert address.target("completions") == "/v1/completions"


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8000/v1", "ftp://h/v1", "http://", "http://u:p@h/v1", "http://u@h/v1", "http://h/v 1",
     "http://h/v1\r\nX: y", "http://h:99999/v1", "http://[::1/v1"],
)  # fmt: skip
def test_a_url_that_cannot_be_asked_is_refused(url):
    """Before anything is sent, in one line, without the password."""
    with pytest.raises(InputError) as caught:
        parse_address(url)
    assert "\n" not in str(caught.value)
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["http://me:hidden@h:x/v1", "http://h:x/v1?key=hidden", "me:hidden@h/v1", "ftp://me:hidden@h/", "h/v1?key=hidden",
     "http://me:hi?hidden@h", "h/v1?key=a@hidden", "http://me:hidden@\u2100/", "ftp://h/v1#hidden"],
)  # fmt: skip
def test_a_url_that_cannot_be_read_keeps_its_secrets(url):
    """Neither the message nor its cause holds a login or a query."""
    with pytest.raises(InputError) as caught:
        parse_address(url)
    error = caught.value
    assert "hidden" not in f"{error} {error.__cause__} {error.where}"


def test_a_digest_knows_the_query_that_messages_do_not():
    """The query may name a deployment, or hold a key."""
    address = parse_address("http://h/v1?deployment=a")
    assert (address.shown, address.whole) == ("http://h/v1", "http://h/v1?deployment=a")
    assert parse_address("http://h/v1").whole == "http://h/v1"


@pytest.mark.parametrize(
    ("no_proxy", "is_free"),
    [("", False), ("*", True), ("example.com", True), (".example.com", True), ("api.example.com:8080", True),
     ("api.example.com:81", False), ("ample.com", False), ("other, example.com", True), ("10.0.0.0/8", False)],
)  # fmt: skip
def test_no_proxy_exempts_a_domain_and_all_below(no_proxy, is_free):
    """But never a domain that only ends alike."""
    assert is_exempt("api.example.com", 8080, no_proxy) is is_free


@pytest.mark.parametrize(("host", "entry"), [("10.1.2.3", "10.0.0.0/8"), ("::1", "::1"), ("::1", "[::1]:80")])
def test_no_proxy_exempts_addresses(host, entry):
    """Networks and IPv6 literals count too."""
    assert is_exempt(host, 80, entry)


def test_a_proxy_is_chosen_by_the_scheme_of_the_endpoint():
    """HTTPS_PROXY for https, HTTP_PROXY for http, ALL_PROXY for both; its login is kept for it alone."""
    environ = {"HTTPS_PROXY": "http://user:p%40ss@proxy:3128", "ALL_PROXY": "other:1"}
    secure = proxy_for(parse_address("https://h/v1"), environ)
    plain = proxy_for(parse_address("http://h/v1"), environ)
    assert secure is not None
    assert plain is not None
    assert (secure.host, secure.port, secure.authorization) == ("proxy", 3128, "Basic dXNlcjpwQHNz")
    assert (plain.host, plain.port) == ("other", 1)
    assert "dXNl" not in repr(secure)


def test_a_socks_proxy_is_refused():
    """It would be ignored in silence otherwise."""
    with pytest.raises(InputError, match="socks5 proxy"):
        proxy_for(parse_address("https://h/v1"), {"https_proxy": "socks5://h:1"})


def head(headers=None, api_key="", **options):
    address = parse_address("http://h/v1")
    options = {"proxy": None, "is_stream": False, **options}
    return encode_head(address, "chat", headers=headers or {}, api_key=api_key, **options).decode("latin-1")


def test_the_key_is_sent_as_a_bearer_token_unless_a_header_says_otherwise():
    """One Authorization, and the user's own goes first."""
    assert "Authorization: Bearer k\r\n" in head(api_key=" k\n")
    own = head({"authorization": "Basic x"}, api_key="k")
    assert "authorization: Basic x" in own
    assert "Bearer" not in own


@pytest.mark.parametrize(
    "headers",
    [{"X": "a\r\nY: b"}, {"X\r\nY": "b"}, {"X": "a\x00"}, {"": "a"}, {"a b": "c"}, {"Host": "other"},
     {"content-length": "0"}, {"Transfer-Encoding": "chunked"}, {"X": "\N{SNOWMAN}"}],
)  # fmt: skip
def test_headers_cannot_smuggle_others_in(headers):
    """Line breaks, odd names, and what frames the request are refused."""
    with pytest.raises(InputError):
        head(headers)


def test_a_key_with_a_line_break_inside_is_refused_without_being_told():
    """The message names no part of the key."""
    with pytest.raises(InputError) as caught:
        head(api_key="se\r\ncret")
    assert "cret" not in str(caught.value)


PROMPTS = st.builds(Prompt, text=st.text(), seed=st.none() | st.integers(0, 2**31))


@given(prompt=PROMPTS)
def test_a_body_is_json_that_holds_the_prompt(prompt):
    """Any text, any seed: the settings as given, the text unchanged."""
    writer = BodyWriter("m", {"temperature": 0, "stop": ["\n"], "seed": 3}, is_chat=True)
    body = json.loads(writer.write(prompt))
    seed = 3 if prompt.seed is None else prompt.seed
    assert body == {
        "model": "m", "temperature": 0, "stop": ["\n"], "seed": seed,
        "messages": [{"role": "user", "content": prompt.text}],
    }  # fmt: skip


def test_a_lone_surrogate_in_a_prompt_is_sent_as_an_escape():
    """JSON can say what UTF-8 cannot."""
    body = BodyWriter("m", {}, is_chat=True).write(Prompt(text="a\ud800"))
    assert rb"\ud800" in body


def test_messages_become_lines_for_a_completions_endpoint():
    """It has no turns."""
    prompt = Prompt(messages=({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}))
    assert json.loads(BodyWriter("m", {}, is_chat=False).write(prompt))["prompt"] == "system: Be brief.\nuser: Hi"


@pytest.mark.parametrize("name", ["model", "messages", "prompt"])
def test_settings_cannot_replace_the_prompt(name):
    """What is said twice is refused, not guessed."""
    with pytest.raises(InputError, match=name):
        BodyWriter("m", {name: "x"}, is_chat=True)
