"""Scenarios for rules that are frozen: see scenarios.py."""
