"""What is counted, and how several processes count together.

In reading order: `families` (the metrics), `memory` (which all processes share), `series` (of one process, in its part
of the memory), `exposition` (all processes combined, for Prometheus), `registry` (what the service counts).
"""
