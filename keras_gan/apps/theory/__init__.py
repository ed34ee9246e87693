"""The theory made visible: known densities, the best discriminator, divergences, figures."""
