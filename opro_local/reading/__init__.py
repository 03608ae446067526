"""What a reply says: its text normalised, where it ends, which part of it is the answer."""
