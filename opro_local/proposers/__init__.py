"""Where proposals come from beside OPRO's own optimizer: what it has to beat."""
