"""The command line: thin words over what the engine can do. `budstikke --help` lists the commands (decision 16)."""
