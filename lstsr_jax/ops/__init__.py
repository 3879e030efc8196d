"""Floor 0: pure functions on arrays. Imports nothing of the project but its errors."""
