"""Texts that mean something in some format, put into every place of a run that takes a text."""

from dataclasses import replace

from hypothesis import strategies as st

from reconciler.compare import FieldChange, Unverified
from reconciler.errors import Origin, Problem
from reconciler.model import Key
from reconciler.plan import Action, Edit, Violation, Warned
from reconciler.render.told import Failed, Item, Sound, Told
from reconciler.report import Outcome, Report
from tests.render.samples import change, plan

PIECES = (
    "<script>alert(1)</script>", "</code>", "</details>", "<!-- reconciler plan", "-->", "]]>", "<![CDATA[",
    "&amp;", "&#64;", "`", "```", "|", "\\", "[a](http://b)", "![a](b)",
    "http://evil.example", "www.evil.example",
    "me@evil.example", "@org/team", "#1", ":smile:", "**b**", "~~~", "\n\n# h", "\n", "\r\n", "\r", "\t",
    "\x00", "\x1b[31m", "\u202e", "\u2066", "\u200b", "\u2028", "\ufffe", "\uffff", "\ud800",
    "\x85", "\U000e0041",
    "::error::x", "\n::set-output name=a::b", "::set-output name=a::b", "\n::stop-commands::x", "##[command]",
    "%0A::error::", "%", ",", ":", "=", '"', "'", " ", "é", "漢", "..", "/", "?", "javascript:", "x" * 3000,
)  # fmt: skip

texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), min_size=1, max_size=4).map("".join)
KINDS = st.sampled_from(["variable", "connection", "pool"])


@st.composite
def items(draw: st.DrawFn) -> Item:
    text = st.deferred(lambda: texts)
    name, key = draw(text), Key(draw(KINDS), draw(text))
    origin = Origin(draw(text) or "f", draw(st.integers(1, 9)), 1)
    problem = Problem(origin, draw(text), draw(text))
    field = FieldChange(("value", draw(text)), draw(text), {draw(text): draw(text)})
    secret = FieldChange((draw(text),), secret=True, ref=draw(text))
    edit = Edit(draw(text), draw(text), draw(text))
    changed = replace(change(Action.UPDATE, key, "manifest", field, secret, file=origin.file), edit=edit)
    deleted = change(Action.DELETE, key, "absent", file=origin.file)
    made = plan(
        name,
        changed,
        deleted,
        unmanaged=(key,),
        unverified=(Unverified(key, (draw(text),), "hidden", draw(text)),),
        violations=(Violation("adopt", key.kind, 1, 0, draw(text), draw(text)),),
        warnings=(Warned(key, draw(text)),),
        target=draw(text),
        airflow_version=draw(text),
    )
    outcomes = (Outcome(changed, "refused", draw(text), warning=draw(text)), Outcome(deleted, "done"))
    report = Report(made, outcomes, 1, 1, converged=False, remaining=(key,), error=draw(text))
    failed = Failed(name, "ManifestError", draw(text), draw(st.sampled_from([(), (problem,)])))
    made_up: list[Item] = [made, report, failed, Sound(name, 1, (problem,))]
    return draw(st.sampled_from(made_up))


@st.composite
def runs(draw: st.DrawFn) -> Told:
    command = draw(st.sampled_from(["validate", "plan", "drift", "apply"]))
    return Told(command, draw(st.lists(items(), min_size=1, max_size=3)))  # type: ignore[arg-type]
