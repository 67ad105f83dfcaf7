"""The rows of the table of keys (node/config/table.py), by what they are about."""
