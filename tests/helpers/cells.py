"""The table of cells: columns with a recorded reading, and what text means to each, in files and in requests."""

from math import nan

from nn import Boolean, Category, Date, Number
from nn.columns import Column

DAY = 86400.0

# The codes of text cells by column; None is a cell that the column refuses.
_TABLE: list[tuple[Column, list[dict[str, float | None]]]] = [
    (
        Number("plain", decimal="."),
        [
            {"1.5": 1.5, "-2": -2, "+3": 3, "−4": -4, "1e3": 1000, "1.5E-3": float.fromhex("0x1.89374cp-10")},
            {".5": 0.5, "5.": 5, "007": 7, "(12)": -12, '="1.25"': 1.25, '="-5"': -5, "- 5": -5, "0": 0},
            {"1,5": None, "1 234": None, "1'234": None, "1_000": None, "0x1f": None, "١": None, "½": None},
            {"": None, "-": None, ".": None, "--5": None, "(5": None, "5)": None, "(-5)": None, '="5': None},
            {"e5": None, "1e": None, "inf": None, "nan": None, "Infinity": None, "1e39": None, "12 kg": None},
            {"5%": None, "€5": None, "5-": None, "1.2.3": None, "1\n": None, "=5": None, "5 5": None},
        ],
    ),
    (Number("comma", decimal=","), [{"1,5": 1.5, "-0,25": -0.25, "12": 12, "1,5e3": 1500, "1.5": None, "1,2,3": None}]),
    (
        Number("german", decimal=",", thousands="."),
        [
            {"1.234": 1234, "1.234.567": 1234567, "1.234,5": 1234.5, "1234,5": 1234.5, "(1.234,5)": -1234.5},
            {"12.34": None, "1.2345": None, "0.123": None, "1234.567": None, "1,234.5": None, "1.234,5,6": None},
        ],
    ),
    (
        Number("english", decimal=".", thousands=","),
        [
            {
                "1,234": 1234,
                "12,345.5": 12345.5,
                "-1,234": -1234,
                "1,23": None,
                "0,123": None,
                "1,2345": None,
                ",123": None,
            }
        ],
    ),
    (
        Number("spaces", decimal=",", thousands=" "),
        [{"1 234,5": 1234.5, "1\u00a0234": 1234, "1\u202f234\u202f567": 1234567, "1\u2009234": 1234, "1 23": None}],
    ),
    (Number("swiss", decimal=".", thousands="'"), [{"1'234.5": 1234.5, "1’234": 1234, "1'23": None}]),
    (
        Number("euros", decimal=",", thousands=".", unit="€"),
        [
            {"€1.234,5": 1234.5, "1.234,5 €": 1234.5, "5": 5, "-€5": -5, "€-5": -5, "-5 €": -5, "€ 5": 5, "(€5)": -5},
            {"5\u00a0€": 5, "€(5)": -5, "$5": None, "€": None, "-€-5": None, "5 EUR": None, '="€5"': 5},
        ],
    ),
    (Number("share", decimal=".", unit="%"), [{"12%": 12, "12.5 %": 12.5, "12": 12, "12 ‰": None, "%": None}]),
    (Number("weight", decimal=".", unit="kg"), [{"5 kg": 5, "5kg": 5, "1e3 kg": 1000, "5 g": None, "5 KG": None}]),
    (
        Number("words", missing=True, decimal=".", nothing=("n/a", "-")),
        [{"n/a": nan, "-": nan, "-1": -1, "5": 5, "N/A": None, "none": None, "": None}],
    ),
    (
        Date("iso"),
        [
            {"1970-01-02": DAY, "19700102": DAY, "1970-01-01T00:00:30": 30, "1970-01-01 00:00:30.5": 30.5},
            {"1970-01-01T01:00:00.123456789": 3600.123456, "1970-01-01T01:00Z": 3600, "1970-01-01T01:00+01": 0},
            {"1970-W01-5": DAY, "1970/01/02": None, "02.01.1970": None, "1970-01-01 UTC": None, "1970-13-01": None},
        ],
    ),
    (
        Date("named", order="ymd"),
        [
            {"1970-01-02": DAY, "1970/01/02": DAY, "1970.1.2": DAY, "1970-01": 0, "1970-002": DAY, "19700102": DAY},
            {"1970-01-01 00:00:30 UTC": 30, "1970/01/01 00:00:30.123456789Z": 30.123456, "1970/01/01 00:30+00:30": 0},
            {"2 Jan 1970": DAY, "2-JAN-1970": DAY, "2-Jan-70": DAY, "2nd January 1970": DAY, "January 2, 1970": DAY},
            {"Jan 2, 1970 1:30 AM": DAY + 5400, "Fri, 02 Jan 1970 12:00:00 GMT": 1.5 * DAY, "1970-Jan-02": DAY},
            {"2 Sept 1970": 244 * DAY, "2 Foo 1970": None, "01/02/1970": None, "1970/02/30": None, "1970-366": None},
            {"Jan 2": None, "12:30": None, "1970/01/01 24:00": None, "1970/01/01 13:00 PM": None, "0000/01/01": None},
        ],
    ),
    (
        Date("day first", order="dmy"),
        [
            {
                "02/01/1970": DAY,
                "2.1.1970": DAY,
                "02/01/70": DAY,
                "02.01.70": DAY,
                "02.01.1970 06:00": 1.25 * DAY,
                "1970-01-02": DAY,
            },
            {"31/12/68": 3124137600.0, "2. 1. 1970": DAY, "02/01/1970 12:00:00 PM": 1.5 * DAY},
            {
                "01/13/1970": None,
                "31/02/1970": None,
                "02/01.1970": None,
                "02-01-70": None,
                "2.1.70": None,
                "02/01/197": None,
            },
        ],
    ),
    (Date("month first", order="mdy"), [{"01/02/1970": DAY, "1/2/70": DAY, "13/01/1970": None, "2 Jan 1970": DAY}]),
    (
        Date("time", order="time"),
        [{"00:00:30": 30, "6:00": DAY / 4, "6:00 pm": 0.75 * DAY, "12:00am": 0, "25:00": None, "1970-01-02": DAY}],
    ),
    (Date("maybe", missing=True, order="dmy", nothing=("tbd",)), [{"tbd": nan, "02/01/1970": DAY, "TBD": None}]),
    (Boolean("flag"), [{"true": 1, "False": 0, "TRUE": 1, "0": None, "1": None, "yes": None}]),
    (Boolean("bit", numbers=True), [{"true": 1, "False": 0, "0": 0, "1.0": 1, "2": None, "yes": None, "-0": -0.0}]),
    (
        Category("code", categories=("01", "02", "12E1")),
        [{"01": 0, "1": 3, "12E1": 2, "120": 3, "01.0": 3}],
    ),
    (
        Category("year", categories=("1.5", "2016", "2017"), numbers=True),
        [{"2016": 1, "2016.0": 1, "02017": 2, "1.50": 0, "2018": 3, "x": 3, "": 3, "1e400": 3}],
    ),
]
CELLS = [(column, {text: code for part in parts for text, code in part.items()}) for column, parts in _TABLE]
