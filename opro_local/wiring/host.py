"""What a run finds around it: folders, somebody who watches, models that can be loaded."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from opro_local.config import Folders, ModelSettings
from opro_local.problem import NullWatcher, Watcher
from opro_local.wiring import models
from opro_local.wiring.models import Models

if TYPE_CHECKING:
    from opro_local.evidence.headroom import Headroom

LoadModels = Callable[[ModelSettings, Path], Models]
"""(which models, the folder of models) -> both roles, loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a run finds around it: folders (the user's), somebody who watches, and a say in what happens.

    after_commit is called when something is saved, and may raise Interrupted. go_on is asked where no
    instruction makes a difference. load_models may give engines of the caller's own. So many searches may go
    on at once; where these are several, load_models gives each of them models that share what is loaded.
    """

    folders: Folders = field(default_factory=Folders.of_user)
    watcher: Watcher = field(default_factory=NullWatcher)
    after_commit: Callable[[], None] = lambda: None
    go_on: "Callable[[Headroom], bool]" = lambda _found: True
    load_models: LoadModels = lambda settings, folder: models.load_models(settings, folder)
    searches: int = 1

    def for_all(self) -> "Host":
        """The host for several searches: what one has loaded is there for the next."""
        return self if self.searches > 1 else replace(self, load_models=cache(self.load_models))
