"""Plans, their checks, and what is emitted from them."""
