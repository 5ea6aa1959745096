"""What readers say of a result or a document."""
