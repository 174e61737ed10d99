"""One page with everything in it: environments, changes, filters and search; nothing of it is fetched.

A template engine escapes what is put into the page, and what is not seen or turns text around is spelled
out. Besides, the page's own policy lets no script and no style take effect but the two that are written in
it, which it knows by their digests. Without its script it shows the same, filters and search aside.
"""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from reconciler import __version__
from reconciler.plan import Action
from reconciler.render.html_parts import SIGNS, facets, outcomes, sections
from reconciler.render.plain import clipped, many, one_line, pieces
from reconciler.render.text import SYMBOLS, dotted, edit_texts
from reconciler.render.told import Failed, Item, Sound, Told, changes_of, has_trouble, plan_of, reason
from reconciler.render.totals import calls, summary, total
from reconciler.report import Report

LONGEST_TEXT = 2_000
MOST_LISTED = 500
"""Characters of an id or a message, and entries of a list beside the changes, that are shown."""

FOLDER = "templates"
POLICY = (
    "default-src 'none'; style-src '{style}'; script-src '{script}'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


def render(told: Told) -> str:
    """The page."""
    style, script = _text("report.css"), _text("report.js")
    shown = sections(told)
    return _template().render(
        told=told,
        sections=shown,
        facets=facets(shown),
        outcomes=outcomes(shown),
        changes=sum(len(section.rows) for section in shown),
        style=style,
        script=script,
        policy=POLICY.format(style=_digest(style), script=_digest(script)),
    )


@cache
def _template() -> Template:
    made = Environment(
        loader=PackageLoader(__package__, FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_safe,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"line": _line, "lines": _lines, "dotted": dotted}
    made.globals |= WORDS
    return made.get_template("report.html.j2")


def _text(name: str) -> Markup:
    """A file of ours that stands in the page as it is."""
    return Markup(files(__package__).joinpath(FOLDER, name).read_text(encoding="utf-8"))  # noqa: S704 - ours


def _digest(text: str) -> str:
    """How the policy names what may take effect."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _sort(item: Item) -> str:
    """What an environment is, for the template."""
    return {Failed: "failed", Sound: "sound", Report: "report"}.get(type(item), "plan")


def _calm(item: Item) -> str:
    """What is right with it, where there is nothing else to tell."""
    if isinstance(item, Report):
        return "converged" if item.succeeded else ""
    return "" if has_trouble(item) or changes_of(item) else summary(item)


def _troubles(item: Item) -> list[str]:
    """What is wrong with it, in a few words each."""
    plan = plan_of(item)
    found = ["error"] if isinstance(item, Failed) or (isinstance(item, Report) and item.trouble) else []
    found += ["not converged"] if isinstance(item, Report) and not item.converged else []
    return found + ([many(len(plan.violations), "violation")] if plan and plan.violations else [])


def _safe(value: Any) -> Any:
    """What every expression of the template ends in: text from elsewhere is one line, seen, and clipped."""
    is_ours = not isinstance(value, str) or isinstance(value, Markup)
    return value if is_ours else one_line(clipped(value, LONGEST_TEXT))


def _line(text: str) -> Markup:
    """The same, with what is spelled out told apart from what only looks like it."""
    return _told_apart(clipped(text, LONGEST_TEXT)).replace("\n", UNSEEN.format("\\n"))


def _lines(text: str) -> Markup:
    """The same for a text that keeps its lines."""
    return _told_apart(clipped(text, LONGEST_TEXT))


WORDS: dict[str, Any] = {
    "version": __version__,
    "actions": tuple(Action),
    "symbols": SYMBOLS,
    "signs": SIGNS,
    "most_listed": MOST_LISTED,
    "calls": calls,
    "calm": _calm,
    "edits": edit_texts,
    "has_trouble": has_trouble,
    "many": many,
    "reason": reason,
    "sort": _sort,
    "summary": summary,
    "total": total,
    "troubles": _troubles,
}
"""What the template may ask for."""

UNSEEN = Markup('<i class="unseen">{}</i>')


def _told_apart(text: str) -> Markup:
    if text.isprintable():
        return escape(text)
    return Markup().join(UNSEEN.format(piece) if spelled else piece for piece, spelled in pieces(text))
