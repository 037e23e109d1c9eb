"""What a configuration says of times, failures and room, before anything is tried; each with the line that says it."""
