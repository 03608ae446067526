"""The error tree. The CLI maps each class to an exit code in one table (cli/errors.py).

OproError                 1  something went wrong at run time
├── SettingsError         2  a flag, an environment variable or a TOML key is wrong
├── DataError             3  the user's table or task cannot be used as it is
├── ModelError            4  weights are missing, differ from their manifest, or cannot be loaded
├── SealedTest            1  test rows were asked for before the winner was fixed
├── LeakedShot            1  a row was to be scored with itself among the shots
├── StoreError            1  a run file cannot be read or written
│   ├── StoreBusy        75  another process is writing this run
│   └── UnreadablePart    1  a part of a run file does not fit this version; store/ names the file
├── WorkersGone          75  no worker is left; everything up to the last scored block is saved
└── Interrupted         130  the user asked to stop; everything up to the last scored block is saved

A message is one line: what is wrong, what was found, what to do. It never echoes private text.
"""


class OproError(Exception):
    """Base of all errors that opro-local raises on purpose."""


class SettingsError(OproError):
    """A flag, an environment variable or a TOML key is wrong."""


class DataError(OproError):
    """The user's table or task cannot be used as it is."""


class ModelError(OproError):
    """Weights are missing, differ from their manifest, or cannot be loaded."""


class SealedTest(OproError):
    """Test rows were asked for before the winner was fixed."""


class LeakedShot(OproError):
    """A row was to be scored with itself among the shots."""


class StoreError(OproError):
    """A run file cannot be read or written."""


class StoreBusy(StoreError):
    """Another process is writing this run."""


class UnreadablePart(StoreError):
    """A part of a run file does not fit this version; store/ names the file."""


class WorkersGone(OproError):
    """No worker is left; everything up to the last scored block is saved."""


class Interrupted(OproError):
    """The user asked to stop; everything up to the last scored block is saved."""
