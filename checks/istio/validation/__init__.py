"""Objects that istiod's validating webhook refuses, and why.

Source: Istio, `pkg/config/validation/validation.go`. These are the rules about fields that decide about routes. An object that
breaks another rule is not reported as refused.
"""
