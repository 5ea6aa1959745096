"""What operators run quisait with; nothing of the product imports it."""
