"""What the loop optimises. Each module holds one Problem."""
