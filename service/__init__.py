"""The online half: a request -> validated rows -> a response -> metrics.

Importing it starts nothing: `service.app.create_app()` makes the application.

In reading order: `app` (the Flask app), `prediction` (what a prediction is, whichever adapter carries it), `protocols`
(what bodies mean), `views` (routes with their descriptions), `server` (the event-loop server), `metrics`, `openapi`;
`settings`, `errors` and `logs` as needed. To add a route is to add a function to the `views` of a room.
"""
