"""The live page: runs of a folder in the browser of this machine, and a person's say in those that go on."""
