"""Writes scripts: attacks that public corpora lack, and their harmless twins. Text only; nothing is executed.

Every address is of a documentation or private network, every domain is reserved for examples.
"""
