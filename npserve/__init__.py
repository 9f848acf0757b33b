"""The installed command `npserve` (`command`), and the version that all packages share."""

__version__ = "0.1.0"
