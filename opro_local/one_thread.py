"""What changes something of the whole process for a moment: by one thread at a time.

Several searches of a command are threads. Each would put back what another has changed meanwhile: standard
output, filters of warnings.
"""

from threading import RLock

alone = RLock()
"""Held by whoever makes such a change, until it is taken back."""
