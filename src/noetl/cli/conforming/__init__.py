"""What `noetl conform` does when it has read its options."""
