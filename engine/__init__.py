"""Budstikke: receives, stores, answers, maps and delivers health messages.

The public API is ``engine.api``; a name that is not in it is private.
"""
