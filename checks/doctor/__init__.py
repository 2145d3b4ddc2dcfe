"""`egress-diag doctor`: tests each configured access and reports what is missing."""
