"""What is asked, without who asks."""
