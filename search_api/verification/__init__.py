"""Reviews: who says that a document is still right, and when it is due."""
