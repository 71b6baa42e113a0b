"""What a scoped reader may say in SQL, decided on the engine's own syntax tree before anything runs.

``readonly`` and ``additional_table_filters`` alone do not hold an embedded engine: ``file('/etc/passwd')`` as a
scalar function, ``INTO OUTFILE``, ``merge()``, ``mergeTreeIndex()`` and ``KILL QUERY`` pass them. So only one SELECT
is accepted, and every table, table function and function in it must be on a list; what is on no list is refused,
also when a later engine adds it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final, Protocol

import msgspec

from gongfu.data.telemetry.schema import DATABASE, TABLES
from gongfu.data.telemetry.views import CATALOGUE
from gongfu.kernel.errors import Forbidden, Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.tables import OWNED


class Asks(Protocol):
    """An engine that answers questions about syntax."""

    def query(self, sql: str, output_format: str, *, parameters: Mapping[str, str] | None = None) -> bytes:
        """The result of ``sql``."""


SYSTEM_TABLES: Final = frozenset(
    f"system.{name}"
    for name in (
        *("one", "numbers", "numbers_mt", "zeros", "settings", "functions", "data_type_families", "table_engines"),
        *("formats", "time_zones", "keywords"),
    )
)
"""What clients ask before they start, and nothing that tells of other people's data or queries."""
OPEN: Final = frozenset((*(table.name for table in TABLES), *OWNED, *CATALOGUE.values()))
"""Tables and views of :data:`DATABASE` that a reader may name."""
_BEHIND_VIEWS: Final = {
    "system.tables": f"database = '{DATABASE}'",
    "system.columns": f"database = '{DATABASE}'",
    "system.databases": f"name = '{DATABASE}'",
}
"""What the catalogue's views read; a reader who came past the gate would still see no more than this."""
REMEMBERED: Final = 256
"""Accepted texts kept: the console asks the same few with other parameters."""
TABLE_FUNCTIONS: Final = frozenset({"numbers", "numbers_mt", "generate_series", "generateSeries", "values"})
# fmt: off
_CATEGORIES: Final = (
    "Aggregate Functions", "Arithmetic", "Arrays", "Bit", "Bitmap", "Comparison", "Conditional", "Dates and Times",
    "Distance", "Encoding", "Financial", "Geo", "Hash", "IP Address", "JSON", "Logical", "Map", "Mathematical",
    "Null", "Random Number", "Rounding", "String", "String Replacement", "String Search", "String Splitting",
    "Time Window", "Tuple", "Type Conversion", "URL", "UUID", "Window Functions",
)
_FUNCTIONS: Final = frozenset((
    "lambda", "version", "revision", "timezone", "toTypeName", "transform", "identity", "ignore", "materialize", "bar",
    "formatReadableQuantity", "formatReadableSize", "formatReadableDecimalSize", "formatReadableTimeDelta",
    "runningDifference", "rowNumberInAllBlocks", "rowNumberInBlock", "finalizeAggregation", "currentDatabase",
    "row_number", "rank", "dense_rank", "ntile", "lag", "lead", "lagInFrame", "leadInFrame", "first_value",
    "last_value", "nth_value", "percent_rank", "cume_dist", "exists",
))
_COMBINATORS: Final = (
    "SimpleState", "OrDefault", "OrNull", "Distinct", "ForEach", "Resample", "ArgMin", "ArgMax", "State", "Merge",
    "Array", "Map", "If",
)
# fmt: on
_REFUSED: Final = frozenset({"chdb", "file", "generateUUIDv7NonMonotonic"})
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n", "\t": r"\t", "\r": r"\r", "\0": r"\0"})
_EXPLAINS: Final = ("EXPLAIN", "EXPLAIN AST", "EXPLAIN SYNTAX", "EXPLAIN QUERY TREE", "EXPLAIN PIPELINE")
"""Kinds that tell of the query; ESTIMATE tells of everybody's rows."""
_EXPLAINED: Final = frozenset(
    ("type", "kind", "query", "format_ast", "is_outfile_append", "is_outfile_truncate", "is_into_outfile_with_stdout")
)
"""Parts of an EXPLAIN that may be there: no settings, no file to write."""
_OF_FILES: Final = frozenset(("_path", "_file", "_size", "_time", "_etag", "_headers"))
"""Columns with which a table of files tells of the node's disk."""
_NESTED_TYPES: Final = ("SetQuery", "ExplainQuery")


class Refused(Forbidden):
    """The SQL names something a scoped reader may not use."""


class Gate:
    """Decides on SQL by asking ``engine`` how it understands it."""

    def __init__(self, engine: Asks) -> None:
        self._engine = engine
        self._passed: OrderedDict[str, None] = OrderedDict()
        self._remembering = threading.Lock()

    def check(self, sql: str) -> None:
        """Returns when ``sql`` is one SELECT over a tenant's tables; raises :class:`Refused` or the engine's error."""
        with self._remembering:
            if sql in self._passed:
                self._passed.move_to_end(sql)
                return
        self._decide(sql)
        with self._remembering:
            self._passed[sql] = None
            if len(self._passed) > REMEMBERED:
                self._passed.popitem(last=False)

    def _decide(self, sql: str) -> None:
        tree = self._engine.query(
            "SELECT parseQueryToJSON({sql:String})", "TSVRaw", parameters={"sql": escape_parameter(sql)}
        )
        try:
            root = msgspec.json.decode(tree)
        except msgspec.DecodeError as error:
            raise Invalid(mark("The store cannot explain this query: {reason}."), reason=error) from error
        if root.get("type") == "ExplainQuery" and root.get("kind") in _EXPLAINS and set(root) <= _EXPLAINED:
            root = root["query"]
        if root.get("type") != "SelectWithUnionQuery":
            raise Refused(mark("Only SELECT may be asked here, not {kind}."), kind=root.get("type"))
        nodes = list(_nodes(root))
        named = {str(node.get("name")) for node in nodes if node.get("type") == "WithElement"}
        for node in nodes:
            self._check(node, named)

    def _check(self, node: dict[str, Any], named: set[str]) -> None:
        kind = node.get("type")
        if node.get("out_file") is not None:
            raise Refused(mark("A query cannot write files."))
        if kind in _NESTED_TYPES or node.get("settings_ast") is not None:
            raise Refused(mark("A query cannot change settings."))
        if kind == "QueryParameter" and node.get("param_type") == "Identifier":
            raise Refused(mark("A parameter cannot stand for the name of a table or column."))
        if kind == "Identifier" and str(node.get("name")).rpartition(".")[2] in _OF_FILES:
            raise Refused(mark("The column {name} cannot be read here."), name=node.get("name"))
        if kind == "TableIdentifier":
            _check_table(str(node.get("name")), named)
        function = node.get("table_function")
        if isinstance(function, dict) and function.get("name") not in TABLE_FUNCTIONS:
            raise Refused(mark("The table function {name} cannot be used here."), name=function.get("name"))
        if kind == "Function":
            name = str(node.get("name"))
            if name not in TABLE_FUNCTIONS:
                self._check_function(name)
            if name.lower().endswith("in") and _is_membership(name):
                for argument in _arguments(node)[1:]:
                    if argument.get("type") == "Identifier":
                        _check_table(str(argument.get("name")), named)
        if isinstance(applied := node.get("func_name"), str):
            self._check_function(applied)

    def _check_function(self, name: str) -> None:
        exact, folded, aggregates = self._functions
        if name in exact or name.lower() in folded:
            return
        base = name
        while suffix := next((s for s in _COMBINATORS if base.endswith(s)), ""):
            base = base.removesuffix(suffix)
            if base in aggregates or base.lower() in folded:
                return
        raise Refused(mark("The function {name} cannot be used here."), name=name)

    @cached_property
    def _functions(self) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """Names as written, names that may be written in any case, and aggregates, which take combinators."""
        rows = self._engine.query(
            "SELECT f.name, f.case_insensitive, f.is_aggregate, if(f.categories = '', t.categories, f.categories),"
            " f.alias_to FROM system.functions f LEFT JOIN system.functions t ON f.alias_to = t.name",
            "TSVRaw",
        ).decode()
        exact, folded, aggregates = set(_FUNCTIONS), set(), set()
        for row in rows.splitlines():
            name, any_case, aggregate, category, target = row.split("\t")
            if {name, target} & _REFUSED or not (category in _CATEGORIES or name in _FUNCTIONS or target in _FUNCTIONS):
                continue
            exact.add(name)
            if any_case == "1":
                folded.add(name.lower())
            if aggregate == "1":
                aggregates.add(name)
        return frozenset(exact), frozenset(folded), frozenset(aggregates)


def hidden(engine: Asks) -> dict[str, str]:
    """Filters that empty every table a scoped reader has no business with, a second line behind the gate."""
    names = engine.query("SELECT concat(database, '.', name) FROM system.tables", "TSVRaw").decode().splitlines()
    open_tables = SYSTEM_TABLES | {f"{DATABASE}.{name}" for name in OPEN}
    return {name: _BEHIND_VIEWS.get(name, "0") for name in names if name not in open_tables}


def escape_parameter(value: str) -> str:
    """``value`` as ClickHouse reads the value of a ``{name:String}`` parameter."""
    return value.translate(_ESCAPES)


def _check_table(name: str, named: set[str]) -> None:
    if name in named or name in OPEN or name in SYSTEM_TABLES or name.removeprefix(f"{DATABASE}.") in OPEN:
        return
    raise Refused(mark("The table {name} cannot be read here."), name=name)


def _is_membership(name: str) -> bool:
    return name.lower() in {"in", "notin", "globalin", "globalnotin", "nullin", "notnullin", "globalnullin"}


def _arguments(node: dict[str, Any]) -> list[dict[str, Any]]:
    arguments = node.get("arguments")
    return arguments.get("children", []) if isinstance(arguments, dict) else []


def _nodes(value: object) -> Iterator[dict[str, Any]]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
