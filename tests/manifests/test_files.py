import os
from pathlib import Path

import pytest

from tests.manifests.support import loaded, problems_of, write

POOL = "pools: {p: {slots: 1}}\n"
LINK_OUT = "this link leads out of its folder; put the file itself here, or its folder under 'layers'"
LINK_TO_FOLDER = "this link to a folder is not followed; name the folder under 'layers' in environment.yaml"

OR_WRITE_ONE = "name a folder that has one, or write one with reconciler init"


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_link_out_of_its_folder_is_refused_unread() -> None:
    write(Path(), {"elsewhere.yaml": "canary"})
    Path("dev/m.yaml").symlink_to("../elsewhere.yaml")

    assert problems_of(Path("dev")) == [f"dev/m.yaml:1:1: {LINK_OUT}"]


def test_a_link_within_its_folder_is_read() -> None:
    write(Path(), {"dev/..data/m.yaml": POOL})
    Path("dev/m.yaml").symlink_to("..data/m.yaml")

    assert [key.id for key in loaded(Path("dev")).desired] == ["p"]


def test_links_in_a_circle_and_to_nowhere_are_told() -> None:
    write(Path(), {})
    Path("dev/a.yaml").symlink_to("b.yaml")
    Path("dev/b.yaml").symlink_to("a.yaml")
    Path("dev/c.yaml").symlink_to("nowhere")

    assert problems_of(Path("dev")) == [
        "dev/a.yaml:1:1: Too many levels of symbolic links; check where it leads",
        "dev/b.yaml:1:1: Too many levels of symbolic links; check where it leads",
        "dev/c.yaml:1:1: No such file or directory; check where it leads",
    ]


def test_a_link_to_a_folder_is_told_and_not_followed() -> None:
    write(Path(), {"shared/m.yaml": "canary"})
    Path("dev/shared").symlink_to("../shared")
    Path("dev/around").symlink_to(".")

    assert problems_of(Path("dev")) == [
        f"dev/around:1:1: {LINK_TO_FOLDER}",
        f"dev/shared:1:1: {LINK_TO_FOLDER}",
    ]


def test_what_is_no_regular_file_is_told_and_never_opened() -> None:
    write(Path(), {})
    os.mkfifo("dev/m.yaml")

    assert problems_of(Path("dev")) == ["dev/m.yaml:1:1: this is no regular file; remove it"]


def test_a_file_that_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    write(Path(), {"dev/m.yaml": POOL})
    opened = Path.open

    def closed(path: Path, mode: str = "r") -> object:
        if path.name == "m.yaml":
            raise PermissionError(13, "Permission denied")
        return opened(path, mode)

    monkeypatch.setattr(Path, "open", closed)

    assert problems_of(Path("dev")) == [
        "dev/m.yaml:1:1: this cannot be read: Permission denied; check the path and its permissions"
    ]


def test_a_folder_that_cannot_be_read_is_told_and_nothing_follows_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(Path(), {"dev/sub/m.yaml": POOL, "dev/m.yaml": "pools: {p: {description: d}}\n"})
    entries = Path.iterdir

    def closed(path: Path) -> object:
        if path.name == "sub":
            raise PermissionError(13, "Permission denied")
        return entries(path)

    monkeypatch.setattr(Path, "iterdir", closed)

    assert problems_of(Path("dev")) == [
        "dev/sub:1:1: this cannot be read: Permission denied; check the path and its permissions"
    ]


def test_a_folder_without_environment_yaml_is_told() -> None:
    Path("dev").mkdir()

    (problem,) = problems_of(Path("dev"))

    assert problem.endswith(f": dev is no environment: it has no environment.yaml; {OR_WRITE_ONE}")


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b"])
def test_a_folder_that_cannot_exist_is_told_like_one_that_does_not(name: str) -> None:
    (problem,) = problems_of(Path(name))

    assert problem.endswith(f"is no environment: there is no such folder; {OR_WRITE_ONE}")


@pytest.mark.parametrize("name", ["x" * 5000, "a\\0b"])
def test_a_layer_that_cannot_exist_is_told_like_one_that_does_not(name: str) -> None:
    write(Path(), {"dev/environment.yaml": f'name: dev\ntarget: sandbox:s.json\nlayers: ["{name}"]\n'})

    (problem,) = problems_of(Path("dev"))

    assert problem.startswith("dev/environment.yaml:3:10: there is no folder dev/")


def test_a_layer_may_be_a_link_and_stand_around_the_environment() -> None:
    write(
        Path(),
        {
            "envs/dev/environment.yaml": "name: dev\ntarget: sandbox:s.json\nlayers: [../../link, ..]\n",
            "envs/around.yaml": "pools: {q: {slots: 1}}\n",
            "real/m.yaml": POOL,
        },
    )
    Path("link").symlink_to("real")

    assert sorted(key.id for key in loaded(Path("envs/dev")).desired) == ["p", "q"]


def test_paths_outside_the_working_directory_are_shown_absolute(tmp_path: Path) -> None:
    folder = write(tmp_path, {"dev/m.yaml": "- a"})
    Path("inner").mkdir()
    os.chdir("inner")

    (problem,) = problems_of(Path("../dev"))

    assert problem.startswith(f"{folder}/m.yaml:1:1: the file must hold a mapping")
