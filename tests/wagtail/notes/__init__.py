"""The pages of the tests' site."""
