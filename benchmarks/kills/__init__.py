"""Kill what the project writes with SIGKILL, at random and at chosen moments: ``python -m benchmarks.kill_resume``."""
