"""The route of the question's host, as people read it: hops, objects that decided, outcome and fixes."""
