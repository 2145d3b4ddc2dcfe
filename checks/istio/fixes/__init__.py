"""Fixes of routes: the changes of Istio objects that faults offer, proved by resolving the request again."""
