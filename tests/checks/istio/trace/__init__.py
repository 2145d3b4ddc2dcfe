"""Tests of the route as people read it."""
