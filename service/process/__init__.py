"""The process in which the service runs: its memory (`malloc`), and the processes forked from it (`forks`)."""
