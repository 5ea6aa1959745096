"""Groups that directories push (SCIM)."""
