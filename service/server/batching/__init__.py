"""The queues between a complete request and its response.

In reading order: `batcher` (which request waits where), `loading` (for a model that is still loading), `turns` (large
bodies leave most of the time to small ones), `large_bodies` (decoding in a thread), `pass_queue` (forward passes in a
thread), `backlog` (how long requests wait).
"""
