"""Applications of trained runs: inversion, demo, sweep, theory, doctor, client."""
