"""KITH-XML: the national message standards of Norway, in two families, and their receipt, AppRec.

Family A has the root MsgHead with the message inside `Document/RefDoc/Content`; family B has the root Message in the
message's own namespace. Everything here is pure: bytes or elements in, values or bytes out.

Why lxml and nothing that reads patterns in Python: libxml2 checks hostile input in linear time; the pattern that the
national datatypes give for an OID takes exponential time in a backtracking matcher.
"""
