"""npserve's own protocol: `codec` reads requests and writes responses, `describe` says what the service serves."""
