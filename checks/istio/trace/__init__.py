"""The route of the question's host, as people read it.

It shows the hops, the objects that decided, the outcome and the fixes.
"""
