"""npserve's own protocol: `codec` reads requests and writes responses, `views` are the read-only routes."""
