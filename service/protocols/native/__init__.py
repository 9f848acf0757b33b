"""The native API of npserve: `codec` decodes requests and encodes responses, `views` are the read-only routes."""
