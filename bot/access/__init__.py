"""Who may do what: the configuration's rules and Slack's user groups."""
