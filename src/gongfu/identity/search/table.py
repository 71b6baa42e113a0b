"""The table that search asks. It finds candidates; what is shown is always the registered record itself.

One row a version of an identifier; ``seq`` is the number of the change in the store's journal. ``words`` are those of
:mod:`gongfu.identity.search.words`, found through an inverted index. ``org`` is the owner: a reader sees its own only.
"""

from __future__ import annotations

from gongfu.kernel.tables import Column, Table

IDENTIFIERS = Table(
    "identifiers",
    (
        Column("org", "UInt32"),
        Column("prefix", "LowCardinality(String)"),
        Column("key", "String", "ZSTD"),
        Column("kind", "LowCardinality(String)"),
        Column("types", "Array(LowCardinality(String))"),
        Column("words", "Array(String)", "ZSTD"),
        Column("industry", "LowCardinality(String)"),
        Column("template", "LowCardinality(String)"),
        Column("registered", "UInt32", "Delta, ZSTD"),
        Column("modified", "UInt32", "Delta, ZSTD"),
        Column("deleted", "UInt8"),
        Column("seq", "UInt64", "Delta, ZSTD"),
    ),
    key=("prefix", "key"),
    version="seq",
    indexes=("found_by words TYPE text(tokenizer = 'array')", "changed modified TYPE minmax GRANULARITY 1"),
    # Merging an inverted index takes memory for every word in it: 310 MB at 300,000 rows. So parts stay small and many;
    # a part more costs a look-up a few tenths of a millisecond.
    settings=(
        "max_bytes_to_merge_at_max_space_in_pool = 8000000",
        "parts_to_delay_insert = 10000",
        "parts_to_throw_insert = 20000",
    ),
)
