import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from reconciler.cli.main import run
from tests.manifests.support import MINIMAL, loaded, problems_in, write

MIB = 1 << 20
PLACES = "abcdefghijklmnopqrstuvwxyz"
SECONDS = 20
"""Generous for a busy machine; what is read carelessly takes minutes here, or all memory."""


def bomb() -> str:
    lines = ["  a: &a [x, x, x, x, x, x, x, x, x]"]
    for before, after in pairwise(PLACES[:13]):
        lines.append(f"  {after}: &{after} [{', '.join([f'*{before}'] * 9)}]")
    return "variables:\n" + "\n".join(lines)


def merge_bomb() -> str:
    lines = ["  x: {value: &a {k0: 1, k1: 2}}"]
    lines += [f"  y{n}: {{value: &a {{<<: [{', '.join(['*a'] * 9)}], n{n}: 1}}}}" for n in range(14)]
    return "variables:\n" + "\n".join(lines)


NOT_YAML = "this is not YAML: "
CHECK = "; check quotes, colons and indentation"
DEEP = "more than 32 levels stand inside each other here; flatten the value"
EXPANDED = "aliases expand to more than 100,000 values; write less by aliases"
CASES: dict[str, tuple[Callable[[], str | bytes], str]] = {
    "a program": (
        lambda: b"\x7fELF\x02\x01\x01\x00" * 1000,
        f"1:1: {NOT_YAML}a control character stands here; remove it, or escape it in double quotes",
    ),
    "every byte": (lambda: bytes(range(256)) * 100, "2:118: this is not UTF-8 text; save the file as UTF-8"),
    "Latin-1": (lambda: b"variables:\n  a: \xe9\n", "2:6: this is not UTF-8 text; save the file as UTF-8"),
    "a surrogate": (
        lambda: b"variables:\n  a: \xed\xa0\x80\n",
        "2:6: this is not UTF-8 text; save the file as UTF-8",
    ),
    "an escaped surrogate": (
        lambda: 'variables:\n  a: "\\ud800"\n',
        f"2:9: {NOT_YAML}found invalid Unicode character escape code{CHECK}",
    ),
    "UTF-16": (
        lambda: "variables: {a: 1}".encode("utf-16"),
        "1:1: this is not UTF-8 text; save the file as UTF-8",
    ),
    "a NUL": (
        lambda: b"variables:\n  a: \x00b\n",
        f"2:6: {NOT_YAML}a control character stands here; remove it, or escape it in double quotes",
    ),
    "10 MiB of [": (lambda: "[" * 10 * MIB, f"1:1001: {NOT_YAML}exceeded maximum nesting depth{CHECK}"),
    "10 MiB of {": (lambda: "{" * 10 * MIB, f"1:1001: {NOT_YAML}exceeded maximum nesting depth{CHECK}"),
    "10 MiB of -": (lambda: "- " * 5 * MIB, f"1:67: {DEEP}"),
    "10 MiB of ?": (lambda: "? " * 5 * MIB, f"1:67: {DEEP}"),
    "10 MiB of tabs": (lambda: "\t" * 10 * MIB, "1:1: a tab cannot indent YAML; use spaces"),
    "10 MiB of documents": (
        lambda: "---\n" * 2 * MIB,
        "2:1: a second document starts here; keep one document in a file",
    ),
    "16 MiB and a byte": (lambda: "#" * (16 * MIB + 1), "1:1: the file is longer than 16 MiB; split it"),
    "an alias bomb": (bomb, f"7:10: {EXPANDED}"),
    "a merge key bomb": (merge_bomb, f"7:28: {EXPANDED}"),
    "half a million values": (
        lambda: "variables: {a: [" + "1," * 500_000 + "]}",
        "1:1000007: the file holds more than 500,000 values; split it",
    ),
    "a number to read forever": (
        lambda: "variables: {a: 1" + "0" * 5000 + "}",
        "1:16: readers of YAML disagree about this number; quote it, or write it plainly",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_whatever_bytes_a_file_holds_one_problem_says_what_and_where(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    make, expected = CASES[name]
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"dev/m.yaml": make()})
    began = time.process_time()

    code = run(["validate", "dev"])

    assert time.process_time() - began < SECONDS
    out, err = capfd.readouterr()
    assert (code, out, err) == (1, "", f"error: dev:\ndev/m.yaml:{expected}\n")


def test_a_number_that_only_almost_looks_like_one_is_read_in_linear_time(tmp_path: Path) -> None:
    began = time.process_time()

    assert problems_in(tmp_path, "variables: {a: 1." + "_" * MIB + "x}") == []

    assert time.process_time() - began < SECONDS


def test_references_that_never_close_are_read_in_linear_time(tmp_path: Path) -> None:
    began = time.process_time()

    assert len(problems_in(tmp_path, "variables: {a: '" + "${" * MIB + "'}")) == 1

    assert time.process_time() - began < SECONDS


def test_a_file_full_of_problems_stops_being_read_after_200(tmp_path: Path) -> None:
    assert len(problems_in(tmp_path, "a: 1\n" * 1000)) == 200
    assert len(problems_in(tmp_path, "absent: {pools: [" + "1," * 1000 + "]}")) == 200


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfvariables:\n  a: 1\n  b: two\n",
        b"variables:\r\n  a: 1\r\n  b: two\r\n",
        b"variables:\r  a: 1\r  b: two\r",
        b"---\nvariables:\n  a: 1\n  b: two\n...\n",
        b"%YAML 1.1\n---\nvariables: {a: 1, b: two}\n",
        b'{"variables": {"a": 1, "b": "two"}}',
    ],
    ids=["byte order mark", "CRLF", "CR", "markers", "directive", "JSON"],
)
def test_other_spellings_of_the_same_file_mean_the_same(tmp_path: Path, data: bytes) -> None:
    environment = loaded(write(tmp_path, {"dev/m.yaml": data}))

    assert {key.id: resource.fields["value"] for key, resource in environment.desired.items()} == {
        "a": 1,
        "b": "two",
    }


def test_lines_are_counted_right_where_they_end_in_crlf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = ["dev/m.yaml:3:7: variables.b.vlaue is not known; did you mean 'value'?"]

    assert problems_in(Path(), b"variables:\r\n  a: 1\r\n  b: {vlaue: 1}\r\n", MINIMAL) == expected


def test_ten_thousand_variables_are_loaded_in_seconds(tmp_path: Path) -> None:
    body = "value: {source: 's3://${bucket}/in', retries: 3, list: [1, 2, 3]}, description: d"
    manifest = "variables:\n" + "".join(f"  v{n}: {{{body}}}\n" for n in range(10_000))
    folder = write(
        tmp_path, {"dev/environment.yaml": f"{MINIMAL}parameters: {{bucket: b}}\n", "dev/m.yaml": manifest}
    )
    began = time.process_time()

    assert len(loaded(folder).desired) == 10_000

    assert time.process_time() - began < SECONDS
