"""Printed steps on a copy of the facts: does the diagnosis then find the fault again?"""
