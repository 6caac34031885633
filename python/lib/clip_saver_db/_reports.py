"""What the native part logs and measures, on its way to `logging` and to OpenTelemetry. Both are imported when they are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from . import _native

SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)
"""The buckets of durations, as OpenTelemetry's conventions advise: its own default is meant for milliseconds."""

MetricsHook = Callable[[Literal["counter", "histogram", "gauge"], str, float, dict[str, str]], None]


def log(level: int, logger: str, message: str, fields: dict[str, str | int | float | bool]) -> None:
    """Logs an event. Its fields follow the message, and are in the record's attribute `fields`."""
    import logging

    text = " ".join([message, *(f"{name}={value}" for name, value in fields.items())])
    logging.getLogger(logger).log(level, "%s", text, extra={"fields": fields})


def follow_log_level() -> None:
    """From now on the native part sends what the logger `clip_saver_db` shows."""
    import logging

    _native.set_log_level(logging.getLogger("clip_saver_db").getEffectiveLevel())


def report_metrics(hook: MetricsHook | None = None) -> None:
    """Reports the count, duration and errors of calls, and the size of the pool, in the names of OpenTelemetry's conventions for
    database clients. Call it before `init_db`.

    `hook(kind, name, value, attributes)` is called on the event loop for each measurement: a `counter` grows by `value`, a
    `histogram` gets one more value (durations in seconds), a `gauge` is at `value` now. Without a hook they go to
    OpenTelemetry's API, which the extra `clip-saver-db[metrics]` installs.

    Errors: `ImportError` without a hook and without OpenTelemetry 1.30 or newer.
    """
    report = _opentelemetry() if hook is None else hook
    if not callable(report):
        raise TypeError(f"report_metrics: `hook` must be callable, not {type(report).__name__}")
    _native.report_metrics(report)


def _opentelemetry() -> MetricsHook:
    from importlib.metadata import version

    needed = "report_metrics without a hook needs OpenTelemetry: pip install 'opentelemetry-api>=1.30'"
    try:
        from opentelemetry import metrics
    except ImportError as error:
        raise ImportError(needed) from error
    if tuple(int(number) for number in version("opentelemetry-api").split(".")[:2]) < (1, 30):
        raise ImportError(needed)
    meter = metrics.get_meter("clip_saver_db")
    instruments: dict[str, Any] = {}

    def report(kind: str, name: str, value: float, attributes: dict[str, str]) -> None:
        instrument = instruments.get(name)
        if instrument is None:
            options = {"explicit_bucket_boundaries_advisory": SECONDS} if kind == "histogram" else {}
            unit = "s" if kind == "histogram" else ""
            instrument = instruments[name] = getattr(meter, f"create_{kind}")(name, unit, **options)
        report_value = {"counter": "add", "histogram": "record", "gauge": "set"}[kind]
        getattr(instrument, report_value)(value, attributes)

    return report
