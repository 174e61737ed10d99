"""The files that others write: each case is one in ``files``, beside it what it tells."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import ManifestError, UsageError
from reconciler.importing import imported
from reconciler.importing.uris import from_uri
from reconciler.importing.wrong import WrongError
from reconciler.model import MASK

FILES = Path(__file__).parent / "files"
CASES = sorted(path for path in FILES.iterdir() if path.suffix != ".told")
WRONG: dict[str, dict[str, str]] = yaml.safe_load((FILES.parent / "wrong.yaml").read_text())

Fields = dict[str, Any]


def told(path: Path, *kinds: str) -> dict[str, Fields]:
    return {str(key): dict(one.fields) for key, one in imported([path], kinds).items()}


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_a_file_tells(path: Path) -> None:
    assert told(path) == yaml.safe_load(Path(f"{path}.told").read_text())


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_told_with_its_place(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    case = WRONG[name]
    with pytest.raises(ManifestError) as caught:
        told(written(tmp_path, case["file"], case["text"]))
    assert case["error"] in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file or directory"):
        imported([tmp_path / "none.json"])
    with pytest.raises(UsageError, match="cannot be read"):
        imported([Path("a\0b")])


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "v.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(ManifestError, match=r"v\.json:1:8: this is not UTF-8 text"):
        imported([tmp_path / "v.json"])


@pytest.mark.parametrize("value", ["[" * 100_000, "[" * 400 + "]" * 400, "9" * 5000])
def test_json_that_nobody_can_read_is_told(tmp_path: Path, value: str) -> None:
    with pytest.raises(ManifestError, match=r"f\.json:1:1: this JSON is too deep, or holds a number"):
        told(written(tmp_path, "f.json", f'{{"a": {value}}}'))


@pytest.mark.parametrize("text", ["", "{}", "# nothing\n", "airflow: {}\n", "airflow:\n  pools:\n"])
def test_nothing_is_told_by_a_file_of_nothing(tmp_path: Path, text: str) -> None:
    assert told(written(tmp_path, "f", text)) == {}


def test_an_id_stands_in_one_file_only(tmp_path: Path) -> None:
    one = written(tmp_path, "one.env", "# first\na=http://h\n")
    two = written(tmp_path, "two.json", '{\n  "a": {"conn_type": "ftp"}\n}')
    with pytest.raises(
        ManifestError, match=r"two\.json:2:3: connection 'a' stands at .*one\.env:2:1 already"
    ):
        imported([one, two])
    with pytest.raises(ManifestError, match="stands at"):
        imported([one, one])


def test_ids_of_two_kinds_may_be_alike(tmp_path: Path) -> None:
    one = written(tmp_path, "one.env", "a=http://h\n")
    two = written(tmp_path, "two.json", '{"a": 1}')
    assert sorted(map(str, imported([one, two]))) == ["connection/a", "variable/a"]


def test_addresses_may_be_variables_or_connections(tmp_path: Path) -> None:
    links = written(tmp_path, "f.json", '{"site": "https://example.org", "bucket": "s3://b"}')
    with pytest.raises(ManifestError, match="say --kind connection or --kind variable"):
        told(links)
    assert told(links, "variable").keys() == {"variable/site", "variable/bucket"}
    assert told(links, "connection").keys() == {"connection/site", "connection/bucket"}
    assert told(links, "connection", "variable").keys() == {"connection/site", "connection/bucket"}


@pytest.mark.parametrize(
    ("uri", "fields"),
    [
        ("mysql://", {}),
        ("mysql://h", {"host": "h"}),
        ("mysql://Host.Example", {"host": "Host.Example"}),
        ("mysql://@:3306", {"port": 3306}),
        ("mysql://h:0", {"host": "h"}),
        ("mysql://u@", {"login": "u"}),
        ("mysql://:p%40%3A%2F@h/", {"password": "p@:/", "host": "h"}),
        ("mysql://u:p@w@h", {"login": "u", "password": "p@w", "host": "h"}),
        ("mysql://h/a%2Fb", {"host": "h", "schema": "a/b"}),
        ("mysql://h/a/b", {"host": "h", "schema": "a/b"}),
        ("mysql://https%3A%2F%2Fh%2Fx:1", {"host": "https://h/x", "port": 1}),
        ("mysql://https://u:p@h:1", {"host": "https://h", "login": "u", "password": "p", "port": 1}),
        ("mysql://[::1]:5/s", {"host": "::1", "port": 5, "schema": "s"}),
        ("mysql://h?a=1&b=&c=x+y", {"host": "h", "extra": '{"a": "1", "b": "", "c": "x y"}'}),
        ("mysql://h/?url=http://x:1/@", {"host": "h", "extra": '{"url": "http://x:1/@"}'}),
        ("mysql:///?__extra__=%7B%22a%22%3A+1%7D&b=2", {"extra": '{"a": 1}'}),
    ],
)  # fmt: skip
def test_a_uri_is_read_as_airflow_does(uri: str, fields: Fields) -> None:
    assert from_uri(uri) == {"conn_type": "mysql", **fields}


@pytest.mark.parametrize(
    ("scheme", "conn_type"),
    [
        ("postgresql", "postgres"),
        ("google-cloud-platform", "google_cloud_platform"),
        ("google_cloud_platform", "google_cloud_platform"),
        ("HTTP", "http"),
    ],
)
def test_a_scheme_is_a_type(scheme: str, conn_type: str) -> None:
    assert from_uri(f"{scheme}://h")["conn_type"] == conn_type


@pytest.mark.parametrize(
    "uri", ["h", "://h", "//h", "a b://h", "x://h:port", "x://h:99999", "x://u:p#w@h", "x://[h"]
)
def test_what_is_no_uri_is_refused(uri: str) -> None:
    with pytest.raises(WrongError, match="write TYPE://"):
        from_uri(uri)


def uri_of(fields: Fields) -> str:
    """The URI that ``airflow connections export`` writes of a connection."""
    protocol, _, host = fields.get("host", "").rpartition("://")
    names = ("login", "password")
    login, password = (quote(fields.get(name, ""), safe="") for name in names)
    user = f"{login}:{password}@" if "password" in fields else f"{login}@" if login else ""
    port = f":{fields['port']}" if "port" in fields else ""
    at = "@" if port and not (user or host) else ""
    schema = f"/{quote(fields['schema'], safe='')}" if "schema" in fields else ""
    scheme = fields["conn_type"].replace("_", "-")
    inner = f"{protocol}://" if protocol else ""
    return f"{scheme}://{inner}{user}{quote(host, safe='')}{at}{port}{schema}{query_of(fields)}"


def query_of(fields: Fields) -> str:
    if "extra" not in fields:
        return ""
    extra = json.loads(fields["extra"])
    flat = extra and all(isinstance(value, str) for value in extra.values()) and "__extra__" not in extra
    query = urlencode(extra if flat else {"__extra__": fields["extra"]})
    return f"{'' if 'schema' in fields else '/'}?{query}"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
HOST = st.builds(
    "{}{}".format, st.sampled_from(["", "https://", "s3://"]), TEXT.filter(lambda text: "://" not in text)
)
EXTRA = st.dictionaries(TEXT, st.none() | st.integers() | TEXT | st.lists(TEXT), max_size=3).map(json.dumps)
CONNECTION = st.fixed_dictionaries(
    {"conn_type": st.sampled_from(["postgres", "http", "google_cloud_platform", "s3"])},
    optional={
        "login": TEXT,
        "password": TEXT,
        "host": HOST,
        "port": st.integers(1, 65535),
        "schema": TEXT,
        "extra": EXTRA,
    },
)


@given(CONNECTION)
def test_what_airflow_writes_as_a_uri_comes_back(fields: Fields) -> None:
    assert from_uri(uri_of(fields)) == fields


@given(st.text() | st.builds("x://{}".format, st.text()))
def test_any_text_is_a_connection_or_refused(text: str) -> None:
    try:
        found = from_uri(text)
    except WrongError:
        return
    assert found["conn_type"]


def test_a_password_does_not_get_further_than_the_file() -> None:
    paths = [path for path in CASES if path.name.startswith(("connections.", "uris.yaml"))]
    for path in paths:
        passwords = {one.fields.get("password") for one in imported([path]).values()}
        assert passwords == {None, MASK}


def test_every_form_of_the_same_connections_tells_the_same() -> None:
    yaml_, json_, lines = (told(FILES / f"connections.{form}") for form in ("yaml", "json", "env"))
    assert json_ == yaml_ == told(FILES / "connections-as-json.env")
    described = {key: {**fields, "description": ""} for key, fields in json_.items()}
    assert {key: {**fields, "description": ""} for key, fields in lines.items()} == described


def test_no_case_is_without_its_secret() -> None:
    """The canary of ``tests/cli`` stands in them all, so that it can be looked for."""
    without = [path.name for path in CASES if not re.search("canary", path.read_text())]
    assert without == ["pools.json"]
