"""Structured logs: coloured text for people, one JSON object a line for machines. Secrets never pass."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from gongfu.kernel.settings import Settings

_SECRET_KEYS = re.compile(r"password|passwd|secret|token|authorization|cookie|credential", re.IGNORECASE)
_IN_TEXT = re.compile(r"(?i)\b((?:password|passwd|secret|token)\s*[=:]\s*|bearer\s+)[\"']?[^\s,;&\"']+[\"']?")
_URL_CREDENTIALS = re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")


def configure(settings: Settings, process: str) -> None:
    """Set up logging of this process, standard library included, to standard error."""
    level = getattr(logging, settings.log_level.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("httpx", "uvicorn.access", "aiomqtt"):
        logging.getLogger(noisy).setLevel(max(level, logging.ERROR))
    logging.getLogger("uvicorn.error").setLevel(max(level, logging.WARNING))
    for told in ("asyncua", "pymodbus", "snap7"):  # their drivers raise what these log with a traceback
        logging.getLogger(told).setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace what must not be written: values under telling names, and credentials inside texts, at any depth."""
    for key, value in event.items():
        event[key] = _clean(key, value)
    return event


def _clean(key: object, value: object) -> object:
    if isinstance(key, str) and _SECRET_KEYS.search(key):
        return "***"
    if isinstance(value, str):
        return _IN_TEXT.sub(r"\1***", _URL_CREDENTIALS.sub("***", value))
    if isinstance(value, Mapping):
        return {name: _clean(name, inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean("", inner) for inner in value]
    return value
