"""Where proposals come from beside OPRO's own optimizer: what shares its budget, and what it has to beat."""
