"""The text of dates and times as people write them, read as seconds since 1970.

A text that begins with the year, or that names the month, can be read in one way only. Of two numbers before a year,
the order says which is the day: training finds the order of a column, and the artifact records it.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1)
# The orders: year first or the month named, day first, month first, and a time of day alone.
DATE_EXAMPLES = {"ymd": "2024/05/31 08:30", "dmy": "31/05/2024", "mdy": "05/31/2024", "time": "08:30:00"}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
FULL_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
MAX_DATE = 60  # characters
TWO_DIGIT_PIVOT = 69  # 69 to 99 are of the 20th century (POSIX, strptime)

_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
_MONTH = r"(?P<month>[a-z]{3,9})\.?"
_YEAR, _ANY_YEAR = r"(?P<year>[0-9]{4})", r"(?P<year>[0-9]{4}|[0-9]{2})"
_DAY = r"(?P<day>[0-9]{1,2})"
_TIME = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<seconds>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"(?:\s*(?P<half>[ap])\.?m\.?)?"
)
_ZONE = r"(?:\s*(?:Z|UTC|GMT|(?P<sign>[-+])(?P<zone_hour>[0-9]{2}):?(?P<zone_minute>[0-9]{2})?))?"


def _with_time(date: str) -> re.Pattern[str]:
    return re.compile(rf"{date}(?:(?:T|,?\s+){_TIME})?{_ZONE}", re.IGNORECASE | re.ASCII)


# A year of two digits only where it is common: 22-03-10 may begin with the year, and 1.2.10 be a version.
_FIRST, _SECOND = "(?P<first>[0-9]{1,2})", "(?P<second>[0-9]{1,2})"
_NUMBERS = [
    _with_time(rf"{_FIRST}([-/.]|\.\s){_SECOND}\2{_YEAR}"),
    _with_time(rf"{_FIRST}/{_SECOND}/(?P<year>[0-9]{{2}})"),
    _with_time(r"(?P<first>[0-9]{2})\.(?P<second>[0-9]{2})\.(?P<year>[0-9]{2})"),
]
_TEXTS = [
    _with_time(rf"{_YEAR}([-/.])(?P<month>[0-9]{{1,2}})(?:\2{_DAY})?"),
    _with_time(rf"{_YEAR}-(?P<day_of_year>[0-9]{{3}})"),
    _with_time(rf"{_WEEKDAY}{_DAY}(?:st|nd|rd|th|\.)?[-\s/.]*{_MONTH}[-\s/.,]*{_ANY_YEAR}"),
    _with_time(rf"{_WEEKDAY}{_MONTH}[-\s/.]*{_DAY}(?:st|nd|rd|th)?,?[-\s/.]+{_YEAR}"),
    _with_time(rf"{_YEAR}[-\s/.]*{_MONTH}[-\s/.]*{_DAY}"),
]
_TIME_OF_DAY = re.compile(_TIME, re.IGNORECASE | re.ASCII)


def read_iso_date(text: str) -> float:
    """Return the seconds since 1970 of an ISO 8601 date or time. Raises ValueError."""
    return _seconds(datetime.fromisoformat(text))


def read_date(text: str, order: str) -> float:
    """Return the seconds since 1970 of a date or time in an order of DATE_EXAMPLES, or in ISO 8601. Raises ValueError.

    A time of day is one of 1970-01-01. A time with a UTC offset is converted to UTC; one without is used unchanged.
    """
    if len(text) > MAX_DATE:
        raise ValueError("too long for a date")
    try:
        return read_iso_date(text)
    except ValueError:
        pass
    if order == "time":
        if not (match := _TIME_OF_DAY.fullmatch(text)):
            raise ValueError(f"not a time of day: {text!r}")
        return _time_of_day(match.groupdict("")).total_seconds()
    patterns = _TEXTS if order == "ymd" else [*_NUMBERS, *_TEXTS]
    match = next((found for pattern in patterns if (found := pattern.fullmatch(text))), None)
    if match is None:
        raise ValueError(f"not a date: {text!r}")
    parts = match.groupdict("")
    when = _day(parts, order) + _time_of_day(parts)
    if parts["sign"]:
        offset = timedelta(hours=int(parts["zone_hour"]), minutes=int(parts["zone_minute"] or 0))
        when = when.replace(tzinfo=timezone(-offset if parts["sign"] == "-" else offset))
    return _seconds(when)


def _seconds(when: datetime) -> float:
    if when.tzinfo is not None:
        when = when.astimezone(UTC).replace(tzinfo=None)
    return (when - EPOCH).total_seconds()


def _day(parts: dict[str, str], order: str) -> datetime:
    year = int(parts["year"])
    if len(parts["year"]) == 2:
        year += 1900 if year >= TWO_DIGIT_PIVOT else 2000
    if "first" in parts:
        first, second = int(parts["first"]), int(parts["second"])
        return datetime(year, *((second, first) if order == "dmy" else (first, second)))
    if "day_of_year" in parts:
        day = datetime(year, 1, 1) + timedelta(days=int(parts["day_of_year"]) - 1)
        if day.year != year:
            raise ValueError(f"the year {year} has no such day")
        return day
    return datetime(year, _month_number(parts["month"].lower()), int(parts["day"] or 1))


def _month_number(month: str) -> int:
    if month.isdigit():
        return int(month)
    names = MONTHS if len(month) == 3 else FULL_MONTHS
    return names.index("september" if month == "sept" else month) + 1


def _time_of_day(parts: dict[str, str]) -> timedelta:
    hour, minute, seconds = (int(parts[name] or 0) for name in ("hour", "minute", "seconds"))
    if half := parts["half"].lower():
        if not 1 <= hour <= 12:
            raise ValueError(f"there is no hour {hour} {half}m")
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 23 or minute > 59 or seconds > 59:
        raise ValueError(f"there is no time {hour}:{minute}:{seconds}")
    return timedelta(hours=hour, minutes=minute, seconds=seconds, microseconds=int(f"{parts['fraction']:0<6}"[:6]))
