"""Link sets and what a request asks for, with input that nobody meant."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.schemes import linkset
from gongfu.identity.schemes.linkset import Link, Wishes

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["linkset", "anchor", "href", "hreflang", "title", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


def test_the_examples_of_rfc_9264_are_read() -> None:
    # RFC 9264 §4.2.3, figure 8, and §4.2.4.1, figure 9
    document = {
        "linkset": [
            {
                "anchor": "https://example.org/article/view/7507",
                "author": [{"href": "https://example.com/author1", "type": "application/rdf+xml"}],
                "next": [{"href": "https://example.com/foo2", "type": "text/html", "hreflang": ["en", "de"]}],
            }
        ]
    }
    assert linkset.decode(json.dumps(document).encode()) == [
        Link("author", "https://example.com/author1", "", (), "application/rdf+xml"),
        Link("next", "https://example.com/foo2", "", ("en", "de"), "text/html"),
    ]


@given(st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()))
def test_no_document_breaks_the_reader(document: bytes) -> None:
    with contextlib.suppress(linkset.BadLinkset):
        for link in linkset.decode(document):
            assert link.href.startswith(("http://", "https://"))


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_header_breaks_the_choice(accept_language: str, accept: str) -> None:
    asked = linkset.wishes(accept_language, accept)
    links = [Link("gs1:pip", f"https://a.example/{n}", "", (n,), "text/html") for n in ("zh", "en")]
    assert linkset.choose(links, asked) in links
    assert linkset.choose([], asked) is None


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        (Wishes(["zh-hans-cn"]), "zh"),
        (Wishes(["en"], ["application/pdf"]), "en pdf"),
        (Wishes(["en"], ["text/html"]), "en page"),
        (Wishes(["ja"], ["application/*"]), "any"),
    ],
)
def test_language_counts_before_media_type(asked: Wishes, title: str) -> None:
    links = [
        Link("x", "https://a.example", "en page", ("en",), "text/html"),
        Link("x", "https://a.example", "en pdf", ("en",), "application/pdf"),
        Link("x", "https://a.example", "zh", ("zh",), "text/html"),
        Link("x", "https://a.example", "any", (), ""),
    ]
    chosen = linkset.choose(links, asked)
    assert chosen is not None
    assert chosen.title == title
