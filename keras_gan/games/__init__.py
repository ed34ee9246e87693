"""Adversarial games: models, losses, regularizers, augmentation, latents, optimizers."""
