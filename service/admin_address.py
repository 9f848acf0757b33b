"""The second address of a server, which has health, readiness and metrics only."""

WILDCARDS = ("0.0.0.0", "::")


class AdminAddress:
    """Recognizes the connections to the admin address by the local address of their sockets.

    gunicorn binds the address, and `service/gunicorn.conf.py` passes on the address of the listening socket, because
    the setting may have a host name, or port 0. Without gunicorn nothing listens there, and no connection matches.
    """

    def __init__(self) -> None:
        self._listening: object = None

    def listen(self, sockname: object) -> None:
        """Set the address of the listening socket, a value of getsockname()."""
        self._listening = sockname

    def matches(self, sockname: object) -> bool:
        """Return whether a connection with this local address was accepted by the listening socket."""
        ours = self._listening
        if isinstance(ours, tuple) and isinstance(sockname, tuple):
            return bool(ours[1] == sockname[1] and ours[0] in (*WILDCARDS, sockname[0]))
        return ours is not None and ours == sockname  # paths of Unix sockets
