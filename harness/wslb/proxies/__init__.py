"""Everything that knows a proxy's language, a folder a product."""
