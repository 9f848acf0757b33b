"""The installed command, `npserve` (`command`), and the version of everything, in one place."""

__version__ = "0.1.0"
