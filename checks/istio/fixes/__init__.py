"""Fixes of routes, which are changes of Istio objects.

Faults offer them. Each is proved: the request is resolved again with the changes applied.
"""
