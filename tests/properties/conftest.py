"""How properties are tried: always the same examples, none kept, none timed.

Each test names in its ``settings`` how many examples the suite takes: more where one costs little.
``python -m benchmarks.properties`` takes many times as many of each.
"""

import hypothesis

hypothesis.settings.register_profile(
    "lstsr",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=list(hypothesis.HealthCheck),  # of time, and of what is drawn and left out
)
hypothesis.settings.load_profile("lstsr")
