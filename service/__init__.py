"""The online half: a request -> validated rows -> an answer -> metrics.

Importing it starts nothing: `service.app.create_app()` makes the application.
"""
