"""The pages as a whole: their length, their links, and that every block is run or says why it is not."""

import re

import pytest

from npserve import __version__
from tests.helpers.pages import DOCS, NOT_RUN, PAGES, README, ROOT, SERVERS, Page


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md"])
def test_the_first_pages_are_short(name: str) -> None:
    assert Page(name).text.count("\n") <= 150


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_resolve_to_files_and_headings(page: Page) -> None:
    folder = (ROOT / page.name).parent
    for link in page.links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (folder / path).resolve() if path else ROOT / page.name
        assert target.is_file(), link
        assert not anchor or anchor in Page(str(target.relative_to(ROOT))).anchors, link


def test_the_readme_links_to_every_page() -> None:
    assert {*README.links} >= {page.name for page in PAGES} - {README.name}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_block_is_run_or_says_why_not(page: Page) -> None:
    for block in page.blocks:
        assert block.note in {"", SERVERS, *NOT_RUN}
        assert block.language in {"sh", "python", "json"} or (page.name, block.language) == (
            "ARCHITECTURE.md",
            "mermaid",
        )


def test_pictures_are_small_png_files() -> None:
    pictures = [ROOT / link for link in README.links if link.endswith(".png")]
    assert len(pictures) == 2
    for picture in pictures:
        content = picture.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) < 300_000


@pytest.mark.parametrize("name", [*(page.name for page in DOCS), "Dockerfile", "k8s/base/kustomization.yaml"])
def test_the_version_is_the_same_everywhere(name: str) -> None:
    stated = re.findall(r"(?:npserve(?:-training)?:|newTag: )(\d+\.\d+\.\d+)", (ROOT / name).read_text())
    assert {*stated} <= {__version__}


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_named_files_exist(name: str) -> None:
    paths = re.findall(r"`([\w./*-]+/[\w.*-]*)`", Page(name).text)
    assert paths
    for path in paths:
        assert any(any(folder.glob(path)) for folder in (ROOT, ROOT / "service", ROOT / "training")), path


def test_the_stated_size_of_the_core_is_correct() -> None:
    rows = Page("ARCHITECTURE.md").table("file", "what to see there")
    files = [ROOT / row[0].strip("`") for row in rows]
    lines = sum(len(file.read_text().splitlines()) for file in files)
    stated = re.search(r"They are (\d+) files of ([\d,]+) lines", Page("ARCHITECTURE.md").text)
    assert stated
    assert int(stated[1]) == len(files) == len({*files})
    assert abs(int(stated[2].replace(",", "")) - lines) <= 100, lines
