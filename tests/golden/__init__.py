"""Outputs kept as files; `UPDATE_GOLDEN=1` writes them anew."""
