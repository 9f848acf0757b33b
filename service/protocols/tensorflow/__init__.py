"""The REST API of TensorFlow Serving under /v1, which is also KServe's V1 protocol.

`codec` decodes requests and encodes responses, `body` validates the JSON of requests, `views` are the read-only routes.
"""
