"""A backend that cannot change anything: what plan and drift are given."""

from dataclasses import dataclass

from reconciler.backends import Request, Response
from reconciler.backends.around import Around


@dataclass
class ReadOnly(Around):
    """Passes GET on and raises for any other method, which would be a mistake in this program."""

    def send(self, request: Request) -> Response:
        """The answer to a GET."""
        if request.method != "GET":
            raise AssertionError(f"a plan must not send {request.method} {request.path}")
        return self.backend.send(request)
