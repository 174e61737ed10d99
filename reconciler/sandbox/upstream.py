"""A real Airflow behind the gateway."""

from urllib.parse import unquote, urlsplit

from reconciler.backends import Request, Response
from reconciler.backends.http import HttpBackend
from reconciler.errors import UsageError
from reconciler.model import Secret
from reconciler.targets import HttpTarget

HTTP_UNAUTHORISED = 401


def parse_upstream(url: str, airflow: int | None = None) -> HttpTarget:
    """The target that ``http(s)://[USER:PASSWORD@]HOST[:PORT][/PREFIX]`` names; raises UsageError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UsageError("--upstream: the port is not a number from 0 to 65535") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise UsageError("--upstream: write http(s)://[USER:PASSWORD@]HOST[:PORT][/PREFIX]")
    if bool(parts.username) != bool(parts.password):
        raise UsageError("--upstream: a user name and a password belong together")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = host if port is None else f"{host}:{port}"
    return HttpTarget(
        f"{parts.scheme}://{place}{parts.path.rstrip('/')}",
        airflow,
        username=unquote(parts.username) if parts.username else None,
        password=Secret("the upstream's password", unquote(parts.password)) if parts.password else None,
    )


class Upstream:
    """Sends requests to an Airflow web server for hours: it signs in again when the token has expired."""

    path_limit = None
    at_once = 1

    def __init__(self, target: HttpTarget) -> None:
        self._target = target
        self._backend = HttpBackend(target)

    @property
    def roots(self) -> tuple[str, ...]:
        """The REST roots to try, newest first."""
        return self._backend.roots

    def send(self, request: Request) -> Response:
        """What Airflow answered; raises AirflowError. A 401 says that nothing was executed."""
        response = self._backend.send(request)
        if response.status != HTTP_UNAUTHORISED or self._target.username is None:
            return response
        self._backend = HttpBackend(self._target)
        return self._backend.send(request)
