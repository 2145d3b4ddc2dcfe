"""Tests with real parts, written as incidents."""
