"""How the API describes itself: `document` makes /openapi.json, `routes` lists the pages, `views` serves it."""
