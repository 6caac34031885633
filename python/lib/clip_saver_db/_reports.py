"""What the native part logs and measures, on its way to `logging` and to OpenTelemetry. Both are imported when they are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from . import _native

MetricsHook = Callable[[Literal["counter", "histogram", "gauge"], str, float, dict[str, str]], None]


def log(level: int, logger: str, message: str, fields: dict[str, str]) -> None:
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

    Errors: `ImportError` without a hook and without OpenTelemetry 1.27 or newer.
    """
    report = _opentelemetry() if hook is None else hook
    if not callable(report):
        raise TypeError(f"report_metrics: `hook` must be callable, not {type(report).__name__}")
    _native.report_metrics(report)


def _opentelemetry() -> MetricsHook:
    from opentelemetry import metrics

    meter = metrics.get_meter("clip_saver_db")
    if not hasattr(meter, "create_gauge"):
        raise ImportError("report_metrics needs opentelemetry-api 1.27 or newer")
    instruments: dict[str, Any] = {}

    def report(kind: str, name: str, value: float, attributes: dict[str, str]) -> None:
        instrument = instruments.get(name)
        if instrument is None:
            instrument = instruments[name] = getattr(meter, f"create_{kind}")(name, "s" if kind == "histogram" else "")
        report_value = {"counter": "add", "histogram": "record", "gauge": "set"}[kind]
        getattr(instrument, report_value)(value, attributes)

    return report
