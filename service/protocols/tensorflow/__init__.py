"""TensorFlow Serving's REST protocol under /v1, which is KServe's V1 too.

`codec` reads requests and writes responses, `body` checks the JSON of a request, `views` are the read-only routes.
"""
