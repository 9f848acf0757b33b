"""The API description: `document` builds the OpenAPI document, `views` serves it and the reference page at /docs."""
