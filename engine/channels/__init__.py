"""Channels: from a received message to its verdict, its answer and its deliveries.

Order inside this package: scalars < references < systems < policies < sources < channel < config < places < site <
tables < conditions < cautions < lint, schema < revision < answers, identity < judge < lane < dispatcher < intake <
router < runner < build < replay; each imports only what stands before it (`tests/test_architecture.py`). The runner
stands below build, because build makes one.

Why: one pure `judge` (decision 1), because intake, the router, replay, the sandbox and the tests must say the same
about the same bytes; answers in a module of their own (decision 8), because they are a table that a vendor may read.
"""
