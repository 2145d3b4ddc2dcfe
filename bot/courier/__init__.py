"""The courier, which posts and updates messages until Slack shows every document."""
