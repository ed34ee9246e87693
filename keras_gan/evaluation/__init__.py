"""How good samples are: metrics as pure functions of NumPy arrays, a family a module."""
