"""Real small servers that stand in for those of others, in the demo, the sandbox and the tests."""
