"""Channels: from a received message to its verdict, its answer and its deliveries.

Order inside this package: config < lint < revision < answers < judge < lane < dispatcher < intake < router < build
< replay < runner; each imports only what stands before it.

Why: one pure `judge` (decision 1), because intake, the router, replay, the sandbox and the tests must say the same
about the same bytes; answers in a module of their own (decision 8), because they are a table that a vendor may read.
"""
