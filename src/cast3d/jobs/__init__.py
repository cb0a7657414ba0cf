"""Jobs: what is asked of a composer, with a state, a queue before the workers, and events to watch.

A job is a run folder with `job.json`. Workers are processes (or actors of Ray), each with its loaded composer; one that
dies is replaced.
"""
