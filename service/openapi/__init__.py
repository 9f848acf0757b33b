"""How the API describes itself: `document` makes /openapi.json, `routes` lists the views, `views` serves it."""
