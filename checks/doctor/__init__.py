"""What `egress-diag doctor` tries, and how it reports what is missing."""
