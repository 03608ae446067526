"""What the loop optimises, a module for each Problem, and what is asked about its solutions."""
