"""The steps of the article that change a cluster: plans, preconditions and results as values.

Nothing here sends a request. `checks/sources/active_steps.py` carries a plan out.
"""
