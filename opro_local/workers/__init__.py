"""Several workers for one run: requests cut into blocks, the blocks handed out, the replies put together."""
