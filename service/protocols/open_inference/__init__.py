"""The Open Inference Protocol under /v2, which is KServe's V2 and Triton's.

In the order in which to read it: `codec` (reads requests, writes responses), `request` (the envelope), `tensor` (one
named tensor), `inputs` and `outputs` (from tensors to rows and back), `fast_json` (JSON of numbers straight into an
array), `json_schema` (the protocol in OpenAPI), `views` (the read-only routes).
"""
