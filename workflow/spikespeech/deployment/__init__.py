"""Deployed networks on test data: accuracy in integers, causes of its loss, cost."""
