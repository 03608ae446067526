"""Where the parts of a model are: its body without the head, and the list of its layers."""

from torch import nn
from transformers import PreTrainedModel


def body_of(model: PreTrainedModel) -> nn.Module:
    """The model without its head; the prefix that some architectures name for it does not lead to it."""
    if model.base_model is not model:
        return model.base_model
    inputs = model.get_input_embeddings()
    return next(part for part in model.children() if any(module is inputs for module in part.modules()))


def layer_list(model: PreTrainedModel) -> nn.ModuleList | None:
    """The layers, which the model's code lists one after another; None if it has no such list."""
    count = model.config.get_text_config().num_hidden_layers
    lists = (m for m in body_of(model).modules() if isinstance(m, nn.ModuleList) and len(m) == count)
    return next(lists, None)
