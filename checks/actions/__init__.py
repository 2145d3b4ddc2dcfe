"""The steps of the article that change a cluster, as values.

Nothing here sends a request: `checks/sources/active_steps.py` executes plans.
"""
