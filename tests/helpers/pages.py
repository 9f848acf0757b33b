"""A Markdown page, parsed for the tests: its code blocks, tables, links and headings."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVERS = "in a terminal of its own"
NOT_RUN = (
    "not here: this is what runs this page",
    "the tests set their own",
    "needs Docker",
    "needs a cluster",
    "takes minutes",
)


@dataclass(frozen=True)
class Block:
    """A code block; a comment on the line before it states how the tests run it, or why they do not."""

    note: str
    language: str
    code: str


@dataclass(frozen=True)
class Page:
    """One page, named by its path in the repository."""

    name: str

    def __str__(self) -> str:
        return self.name

    @cached_property
    def text(self) -> str:
        return (ROOT / self.name).read_text()

    @cached_property
    def blocks(self) -> list[Block]:
        found = re.findall(r"(?:<!-- ([^\n]+) -->\n)?```(\w+)\n(.*?)```", self.text, re.DOTALL)
        assert len(found) == self.text.count("```") / 2
        return [Block(*block) for block in found]

    def noted(self, note: str) -> Block:
        """Return the only block with this note."""
        (block,) = [block for block in self.blocks if block.note == note]
        return block

    @cached_property
    def tables(self) -> list[list[list[str]]]:
        """The rows of each table, without its two header lines; a cell may contain an escaped bar."""
        found = re.findall(r"(?:^\|.*\n)+", self.text, re.MULTILINE)
        return [[_cells(line) for line in table.splitlines()[2:]] for table in found]

    def table(self, *header: str) -> list[list[str]]:
        """Return the rows of the only table with this header."""
        line = f"| {' | '.join(header)} |"
        texts = re.findall(r"(?:^\|.*\n)+", self.text, re.MULTILINE)
        (rows,) = [rows for rows, table in zip(self.tables, texts, strict=True) if table.startswith(f"{line}\n")]
        return rows

    @cached_property
    def anchors(self) -> set[str]:
        """The anchors of the headings, as GitHub generates them."""
        headings = re.findall(r"^#+ (.+)$", self.text, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    @cached_property
    def links(self) -> list[str]:
        return re.findall(r"\]\(([^)]+)\)", self.text)


def _cells(line: str) -> list[str]:
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


README = Page("README.md")
DOCS = [Page(str(path.relative_to(ROOT))) for path in sorted(ROOT.glob("docs/*.md"))]
PAGES = [README, *DOCS, *(Page(f"{name}.md") for name in ("ARCHITECTURE", "CONTRIBUTING", "CHANGELOG", "SECURITY"))]
