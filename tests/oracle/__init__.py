"""The differential oracle: see test_oracle.py.

A package, since its modules stand beside those of the end-to-end tests in
one process.
"""
