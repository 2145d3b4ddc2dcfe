"""What every listener needs: configuration, workers, Slack, who is asking, and three seconds to answer."""
