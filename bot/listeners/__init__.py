"""What Slack says, turned into calls: parse, check access, start, acknowledge. No logic of their own."""
