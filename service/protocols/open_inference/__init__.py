"""The Open Inference Protocol under /v2, which is also the protocol of KServe V2 and Triton.

In reading order: `codec` (decodes requests, encodes responses), `request` (the envelope), `tensor` (a named tensor),
`inputs` and `outputs` (from tensors to rows, and from predictions to tensors), `fast_json` (numbers parsed directly
into an array), `json_schema` (the protocol in OpenAPI), `views` (the read-only routes).
"""
