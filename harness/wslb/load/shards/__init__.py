"""What a client process does with its part of a plan: a shard dials links, hears from them, holds them, and counts."""
