"""Printed commands with real kubectl, a real API server and real azure-cli."""
