"""pytest plugin: markers, options, the lab fixture, and the report of a session."""
