"""``reconciler gateway``: Amazon MWAA's API on this machine."""

import os
import signal
from collections.abc import Iterable
from pathlib import Path

import click

from reconciler.backends import Backend
from reconciler.cli.interrupts import INTERRUPTED
from reconciler.errors import UsageError

DEFAULT_PORT = 8080

EXTRA_MISSING = "the gateway needs Starlette and uvicorn: pip install 'reconciler[gateway]'"


@click.command
@click.option(
    "--upstream", metavar="URL", help="A real Airflow: http(s)://[USER:PASSWORD@]HOST[:PORT][/PREFIX]."
)
@click.option(
    "--airflow", type=click.Choice(["2", "3"]), help="Its major version.  [default: 3, or what answers]"
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keeps the sandbox in FILE, not in memory.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="0 takes a free one.",
)
@click.option("--name", help="The one environment that exists.  [default: every name is taken for it]")
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), help="Calls a second, then it throttles."
)
@click.option("--assume", multiple=True, metavar="NAME=VALUE", help="Settles what AWS does not document.")
@click.option("--status", default="AVAILABLE", show_default=True, help="What GetEnvironment shows as status.")
@click.option(
    "--config",
    multiple=True,
    metavar="SECTION.OPTION=VALUE",
    help="What GetEnvironment shows of Airflow's configuration; may be repeated.",
)
@click.option(
    "--fault", multiple=True, metavar="WHEN=MODE", help="Lets calls go wrong, such as 3=drop_after."
)
def gateway(  # noqa: PLR0913 - one for each option
    *,
    upstream: str | None,
    airflow: str | None,
    state: Path | None,
    port: int,
    name: str | None,
    rate: float | None,
    assume: tuple[str, ...],
    status: str,
    config: tuple[str, ...],
    fault: tuple[str, ...],
) -> None:
    """Serve a local InvokeRestApi endpoint, over the sandbox or over a real Airflow.

    Unmodified boto3 clients use it with the variables that it prints. It listens on 127.0.0.1 only, until
    Ctrl-C or SIGTERM.
    """
    try:
        from reconciler.sandbox import assumptions, fault_grammar, sigv4  # noqa: PLC0415 - the gateway is an extra
        from reconciler.sandbox import gateway as server  # noqa: PLC0415 - the same
    except ModuleNotFoundError as error:
        raise UsageError(f"{EXTRA_MISSING} ({error.name} is missing)") from None
    assumed = assumptions.assume(assume)
    faults = [fault_grammar.parse_fault(text) for text in fault]
    app = server.create_app(
        _backend(upstream, airflow, state),
        assumed,
        sigv4.credentials_from(os.environ),
        name=name,
        rate=rate,
        signs_in=upstream is None,
        faults=faults,
        log=_log,
        shown=server.Shown(status, dict(map(_option, config))),
    )
    listener = server.listen(port)
    url = f"http://{server.LOOPBACK}:{listener.getsockname()[1]}"
    stopped_by = server.serve(app, listener, lambda: _announce(url, server.exports(url)))
    if stopped_by == signal.SIGINT:
        raise SystemExit(INTERRUPTED)


def _backend(upstream: str | None, airflow: str | None, state: Path | None) -> Backend:
    if upstream is None:
        from reconciler.sandbox.emulator import Emulator  # noqa: PLC0415 - not needed for a real Airflow

        return Emulator(state, Emulator.newest(int(airflow or 3)))
    if state is not None:
        raise UsageError("--state keeps the sandbox's state; --upstream has its own")
    from reconciler.sandbox.upstream import Upstream, parse_upstream  # noqa: PLC0415 - only for a real Airflow

    return Upstream(parse_upstream(upstream, int(airflow) if airflow else None))


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or "." not in name:
        raise UsageError(f"--config {text}: write SECTION.OPTION=VALUE, such as secrets.backend=CLASS")
    return name, value


def _announce(url: str, exports: Iterable[str]) -> None:
    click.echo("\n".join([f"listening on {url}", *(f"export {line}" for line in exports)]))


def _log(line: str) -> None:
    click.echo(line, err=True)
