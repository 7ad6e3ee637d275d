"""HL7 version 2 in ER7: read lazily, answered by the book, checked against the tables of every version.

Why our own reader and not a library: the hot path touches a few dozen fields of a message, and building a tree of it
costs a thousand times as much (PERFORMANCE 1). hl7apy gives the tables and judges in the tests.
"""
