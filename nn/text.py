"""Text in a model: names are printable, and all of it can be encoded."""

MAX_TEXT = 1000  # characters
CONTROLS = {*map(chr, range(32)), "\x7f"} - {*"\t\n\r"}  # of ASCII; data in other encodings have those of Unicode


def check_name(name: object, what: str) -> None:
    """Raise ValueError unless a name is printable text of at most MAX_TEXT characters, with tabs or line breaks."""
    text = check_text(name, what)
    if len(text) > MAX_TEXT:
        raise ValueError(f"{what}: expected at most {MAX_TEXT} characters, found {len(text)}")
    if not CONTROLS.isdisjoint(text):
        raise ValueError(f"{what}: {name!r} has control characters")


def check_text(text: object, what: str) -> str:
    """Return a value if it is text that UTF-8 can encode: JSON may have halves of characters. Else raise ValueError."""
    if not isinstance(text, str):
        raise ValueError(f"{what}: expected text, found {type(text).__name__}")  # of a file, not of a call
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what}: {text!r} is not valid Unicode") from None
    return text
