"""Parameter sets: what may be searched, and grids, perturbations, draws and proposals of it."""
