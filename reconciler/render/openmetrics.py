"""Numbers of a run in the OpenMetrics text format, for Prometheus and its collector of text files."""

from collections.abc import Iterator

from reconciler.render.numbers import MEANINGS, numbers
from reconciler.render.told import Told

ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def render(told: Told) -> str:
    """A gauge for each number, and one for when the run was."""
    return "".join(f"{line}\n" for line in (*_gauges(told), *_time(told), "# EOF"))


def _gauges(told: Told) -> Iterator[str]:
    found = [(environment, number) for environment, some in numbers(told) for number in some]
    for name, meaning in MEANINGS.items():
        rows = [(environment, number) for environment, number in found if number.name == name]
        if rows:
            yield from _head(name, meaning)
        for environment, number in rows:
            labels = (("command", told.command), ("environment", environment), *number.labels)
            yield f"reconciler_{name}{{{_labels(labels)}}} {number.value}"


def _time(told: Told) -> Iterator[str]:
    yield from _head("run_timestamp_seconds", "When the run was, in seconds since 1970.", unit="seconds")
    yield f"reconciler_run_timestamp_seconds{{{_labels((('command', told.command),))}}} {told.at:.3f}"


def _head(name: str, meaning: str, unit: str = "") -> Iterator[str]:
    yield f"# TYPE reconciler_{name} gauge"
    if unit:
        yield f"# UNIT reconciler_{name} {unit}"
    yield f"# HELP reconciler_{name} {meaning}"


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    return ",".join(f'{name}="{value.translate(ESCAPES)}"' for name, value in labels)
