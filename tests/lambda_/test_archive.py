"""Manifests out of a zip in S3: fetched once a version, and never written anywhere else."""

import io
import stat
import warnings
import zipfile
from pathlib import Path

import pytest

from reconciler.aws import archive
from reconciler.aws.objects import Unavailable, fetched
from reconciler.errors import UsageError
from tests.aws import support
from tests.lambda_.conftest import zipped

SOUND: dict[str, str | bytes] = {
    "environments/dev/environment.yaml": "name: dev\n",
    "base/a.yaml": "variables: {}\n",
}


@pytest.fixture
def bucket(aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    support.use(monkeypatch, aws)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return support.bucket()


def put(bucket: str, content: bytes) -> str:
    with support.client("s3") as s3:
        s3.put_object(Bucket=bucket, Key="manifests.zip", Body=content)
    return f"s3://{bucket}/manifests.zip"


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()
    }


def test_a_version_is_fetched_once_and_the_next_one_takes_its_place(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = put(bucket, zipped(SOUND))
    first = archive.manifests(address)
    assert files(first) == SOUND
    (first / "mark").touch()
    asked = support.recorded(monkeypatch)
    assert archive.manifests(address) == first
    assert (first / "mark").exists()
    assert asked[0][1]["IfNoneMatch"]

    put(bucket, zipped({"only.yaml": ""}))
    second = archive.manifests(address)

    assert files(second) == {"only.yaml": ""}
    assert not first.exists()
    assert [path.name for path in archive.place().iterdir() if path.is_dir()] == [second.name]


def test_a_version_that_is_gone_from_the_disk_is_fetched_again(bucket: str) -> None:
    address = put(bucket, zipped(SOUND))
    first = archive.manifests(address)
    first.rename(first.with_name("elsewhere"))
    assert files(archive.manifests(address)) == SOUND


def test_an_unsound_version_is_an_error_and_the_one_before_comes_back_with_its_bytes(bucket: str) -> None:
    address = put(bucket, zipped(SOUND))
    first = archive.manifests(address)
    put(bucket, b"no zip at all")
    with pytest.raises(UsageError, match="cannot be unpacked: BadZipFile"):
        archive.manifests(address)
    put(bucket, zipped(SOUND))
    assert files(archive.manifests(address)) == SOUND
    assert [path.name for path in archive.place().iterdir() if path.is_dir()] == [first.name]


def special(name: str, kind: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (kind | 0o777) << 16
        made.writestr(entry, "/etc/passwd")
    return content.getvalue()


def twice(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            made.writestr(name, "")
    return content.getvalue()


WRONG = {
    "../out.yaml": (zipped({"../out.yaml": ""}), "leads out of it"),
    "a/../../out.yaml": (zipped({"a/../../out.yaml": ""}), "leads out of it"),
    "absolute": (zipped({"/tmp/out.yaml": ""}), "leads out of it"),
    "backslash": (zipped({"..\\out.yaml": ""}), "leads out of it"),
    "link": (special("link.yaml", stat.S_IFLNK), "is no file"),
    "device": (special("null.yaml", stat.S_IFCHR), "is no file"),
    "twice": (twice("a.yaml", "a.yaml"), "is in it twice"),
    "twice by another name": (twice("a.yaml", "./a.yaml"), "is in it twice"),
    "cut short": (zipped(SOUND)[:-30], "cannot be unpacked"),
    "a file that is a folder too": (zipped({"a": "", "a/b": ""}), "cannot be unpacked"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_may_reach_anything_else_is_refused(case: str, tmp_path: Path) -> None:
    content, told = WRONG[case]
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(UsageError, match=told):
        archive.unpack(content, inside, "s3://acme/x.zip")
    assert [path for path in tmp_path.iterdir() if path != inside] == []
    assert not any(path.is_symlink() for path in inside.rglob("*"))


def test_every_bit_flip_gives_files_or_one_kind_of_error(tmp_path: Path) -> None:
    sound = zipped({"a.yaml": "variables: {}\n" * 9, "b/c.yaml": "pools: {}\n"})
    outcomes = set()
    for place in range(len(sound)):
        folder = tmp_path / str(place)
        folder.mkdir()
        try:
            archive.unpack(sound[:place] + bytes([sound[place] ^ 0x55]) + sound[place + 1 :], folder, "x")
            outcomes.add("unpacked")
        except UsageError:
            outcomes.add("refused")
    assert outcomes == {"unpacked", "refused"}


def test_too_much_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LONGEST_UNPACKED", 1000)
    with pytest.raises(UsageError, match="more than 1,000 bytes when unpacked"):
        archive.unpack(zipped({"a": "x" * 600, "b": "x" * 600}), tmp_path, "x")
    monkeypatch.setattr(archive, "MOST_FILES", 1)
    with pytest.raises(UsageError, match="more than 1 files"):
        archive.unpack(zipped({"a": "", "b": ""}), tmp_path, "x")
    assert list(tmp_path.iterdir()) == []


def test_an_object_that_is_too_large_missing_or_has_no_address_is_told(bucket: str) -> None:
    address = put(bucket, b"12345")
    with pytest.raises(UsageError, match="more than 4 bytes"):
        fetched(address, 4)
    with pytest.raises(Unavailable, match=r"none\.zip: AWS answered NoSuchKey"):
        fetched(f"s3://{bucket}/none.zip", 4)
    for wrong in ("s3://", "s3://acme", "s3://acme/", "https://acme/x", "s3://AC/x"):
        with pytest.raises(UsageError, match="no address of an object"):
            fetched(wrong, 4)


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    assert archive.manifests(str(tmp_path)) == tmp_path.resolve()
    with pytest.raises(UsageError, match="there is no folder"):
        archive.manifests(str(tmp_path / "none"))
