"""npserve's own protocol.

`codec` reads requests and writes responses, `describe` describes models and versions, `views` are the read-only routes.
"""
