"""How the API describes itself: `document` makes /openapi.json, `views` serves it, and the page of /docs."""
