"""The Allen Cell Types database: downloads and archives."""
