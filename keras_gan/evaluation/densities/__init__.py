"""Known densities: mixtures, divergences from them, snapshots of a game on them, plots."""
