"""The online half: a request -> validated rows -> a response -> metrics.

Importing the package starts nothing; `service.app.create_app()` creates the application.

In reading order: `app` (the Flask app) with `head_checks`, `body_deadline` and `page_headers`; `prediction` (what a
prediction is, independent of the adapter), `protocols` (the formats of bodies), `views` (routes with their
descriptions), `operations` (health and metrics), `server` (the event-loop server), `metrics`, `openapi`; then
`conditional` (documents with an entity tag), `settings`, `address`, `admin_address`, `errors`, `logs` and `process`.
To add a route, add a function to a `views` module.
"""
