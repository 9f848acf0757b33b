"""The same network behind each of the other servers; these files run in environments that do not have npserve."""
