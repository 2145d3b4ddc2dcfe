"""The configuration file, the environment, and how processes log."""
