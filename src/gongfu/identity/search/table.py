"""The table that search asks. It finds candidates; what is shown is always the registered record itself.

One row a version of an identifier and ``audience`` (0: its owner and those above, 1: partners, made only where somebody
was granted a look); ``seq`` is the number of the change in the store's journal. Everything that somebody asks for with
"equals" or "between" stands in ``words`` (:mod:`gongfu.identity.search.words`) and is found through one inverted index;
the other columns are counted and shown. Nobody reads ``words`` itself. ``org`` is the owner.

Granules are small, and so are the blocks they are compressed in: a page is 51 rows from anywhere, and a word that one
of a thousand identifiers has touches every granule of 8,192. Audiences are partitions, so that a part is of one.
Measured in ``adr/0020-search-table.md``.
"""

from __future__ import annotations

from gongfu.kernel.tables import Column, Table

OWNER, PARTNER = 0, 1
"""Audiences."""
IDENTIFIERS = Table(
    "identifiers",
    (
        Column("audience", "UInt8"),
        Column("org", "UInt32"),
        Column("prefix", "LowCardinality(String)"),
        Column("suffix", "String", "LZ4"),
        Column("place", "UInt64", "NONE"),  # a hash of both: an order among those changed in one second
        # Type, template and the types of its values, in one column because each that is read costs milliseconds.
        Column("traits", "LowCardinality(String)"),
        Column("words", "Array(String)", "ZSTD"),
        Column("registered", "UInt32", "Delta, LZ4"),
        Column("modified", "UInt32", "Delta, LZ4"),
        Column("deleted", "UInt8"),
        Column("seq", "UInt64", "Delta, ZSTD"),
    ),
    key=("prefix", "suffix"),
    version="seq",
    partition="audience",
    indexes=("found_by words TYPE text(tokenizer = 'array')", "changed modified TYPE minmax GRANULARITY 1"),
    settings=(
        "index_granularity = 1024",
        "min_compress_block_size = 8192",
        "max_compress_block_size = 65536",
        # Merging an inverted index takes memory for every word in it; beyond this it goes on in pieces.
        "text_index_max_memory_usage_before_flush = 50000000",
        "max_bytes_to_merge_at_max_space_in_pool = 1000000000",
        "parts_to_delay_insert = 10000",
        "parts_to_throw_insert = 20000",
    ),
)
