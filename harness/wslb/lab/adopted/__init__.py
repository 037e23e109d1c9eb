"""A lab that serves a configuration of a user's, of a product that tells its paths as values."""
