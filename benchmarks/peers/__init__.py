"""The other servers with the same network. These files run in environments without npserve."""
