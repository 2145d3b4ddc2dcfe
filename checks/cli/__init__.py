"""The command line: `egress-diag diagnose | collect | checks | sweep`."""
