"""From x back to z: latents of real images, and what can be done with them."""
