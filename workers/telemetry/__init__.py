"""What the processes count, log and trace."""
