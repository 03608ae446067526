"""What leaves the house: the winner of a run in the forms of other programs, and whether it scores there."""
