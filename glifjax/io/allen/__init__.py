"""The Allen Cell Types database: its files, and the archives of models."""
