"""What clients do, each kind for a check of tests/histories.  worker.py is what they have in common."""
