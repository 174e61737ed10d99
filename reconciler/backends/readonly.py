"""A backend that cannot change anything: what plan and drift are given."""

from dataclasses import dataclass

from reconciler.backends import Backend, Request, Response


@dataclass(frozen=True)
class ReadOnly:
    """Passes GET on and raises for any other method, which would be a mistake in this program."""

    backend: Backend

    @property
    def roots(self) -> tuple[str, ...]:
        """As the backend below."""
        return self.backend.roots

    @property
    def path_limit(self) -> int | None:
        """As the backend below."""
        return self.backend.path_limit

    @property
    def at_once(self) -> int:
        """As the backend below."""
        return self.backend.at_once

    def send(self, request: Request) -> Response:
        """The answer to a GET."""
        if request.method != "GET":
            raise AssertionError(f"a plan must not send {request.method} {request.path}")
        return self.backend.send(request)
