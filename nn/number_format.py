"""The text of numbers as people write them: separators, a sign or parentheses, a unit.

Training finds one format for a column and the artifact records it, so that a text means the same number in a file and
in a request. `training.text.number_text` reads whole columns with the same pattern; one table of cases holds the two
to each other.
"""

import re
from dataclasses import dataclass
from functools import cached_property

MINUS = "-\N{MINUS SIGN}"
SPACES = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"
APOSTROPHES = "'\N{RIGHT SINGLE QUOTATION MARK}"
THOUSANDS = {"": "", ".": ".", ",": ",", " ": SPACES, "'": APOSTROPHES}  # what stands for each separator
MAX_UNIT = 20  # characters


@dataclass(frozen=True)
class NumberFormat:
    """A number of any size with this decimal separator; groups of three digits may have the separator `thousands`.

    The unit, such as % or €, may stand before or after the number, or be left out: it does not change the value.
    Parentheses mean a negative number, and `="1.5"`, by which spreadsheets quote, means 1.5.
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        if self.decimal not in (".", ",") or self.thousands not in THOUSANDS or self.decimal == self.thousands:
            raise ValueError(f"unknown number format: decimal {self.decimal!r}, thousands {self.thousands!r}")
        if not is_unit(self.unit):
            raise ValueError(f"{self.unit!r} can't be a unit")

    @cached_property
    def pattern(self) -> str:
        """A regular expression that matches the whole text of a number, in the syntax that `re` and RE2 share."""
        digits = "[0-9]+"
        if self.thousands:
            digits = f"(?:[1-9][0-9]{{0,2}}(?:[{THOUSANDS[self.thousands]}][0-9]{{3}})+|[0-9]+)"
        point = re.escape(self.decimal)
        number = f"(?:{digits}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][-+]?[0-9]+)?"
        # No two parts that repeat spaces are adjacent: matching takes a time in proportion to the length.
        sign, spaces, unit = f"[{MINUS}+]", f"[{SPACES}]*", re.escape(self.unit)
        before, after = (f"(?:{unit}{spaces})?", f"(?:{spaces}{unit})?") if self.unit else ("", "")
        signed = f"(?:(?:{sign}{spaces})?{before}|{before}{sign}){number}{after}"
        value = f"(?:{signed}|{before}\\({before}{number}{after}\\){after})"
        return f'^(?:{value}|="{value}")$'

    @cached_property
    def ignored(self) -> str:
        """The characters of a matching text, besides its unit, that do not stand in the number of a program."""
        return f'="()+{SPACES}{THOUSANDS[self.thousands]}'

    @cached_property
    def _matches(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    @cached_property
    def _translation(self) -> dict[int, str | None]:
        ignored: dict[str, str | None] = dict.fromkeys(self.ignored)
        return str.maketrans(ignored | {self.decimal: ".", MINUS[1]: MINUS[0]})

    def read(self, text: str) -> float:
        """Return the number that a text means. Raises ValueError if it has another format."""
        if text.endswith("\n") or not self._matches.match(text):
            raise ValueError(f"not a number in this format: {text!r}")
        number = float((text.replace(self.unit, "") if self.unit else text).translate(self._translation))
        return -number if "(" in text else number

    @property
    def example(self) -> str:
        """A number in this format."""
        number = f"1{self.thousands}234{self.decimal}5"
        before, after = (self.unit, "") if len(self.unit) == 1 and self.unit not in "%°" else ("", self.unit)
        return f"{before}{number}{' ' if len(after) > 1 else ''}{after}"


def is_unit(text: str) -> bool:
    """Return whether a text can be a unit: no part of it can be a part of the number."""
    if text in ("e", "E") or len(text) > MAX_UNIT or text != text.strip():
        return False
    return not any(character.isdecimal() or character in f'{MINUS}+.,="()' for character in text)
