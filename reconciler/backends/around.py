"""What a backend in front of another one has in common with it."""

from dataclasses import dataclass

from reconciler.backends import Backend, Request, Response


@dataclass
class Around:
    """A backend that is in all as the one behind it; its subclasses say in what it is not."""

    backend: Backend

    @property
    def roots(self) -> tuple[str, ...]:
        """Those of the backend behind it."""
        return self.backend.roots

    @property
    def path_limit(self) -> int | None:
        """That of the backend behind it."""
        return self.backend.path_limit

    @property
    def at_once(self) -> int:
        """As many as the backend behind it takes."""
        return self.backend.at_once

    def send(self, request: Request) -> Response:
        """Passes the request on."""
        return self.backend.send(request)
