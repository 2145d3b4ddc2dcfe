"""Tests that read like incidents, with real parts."""
