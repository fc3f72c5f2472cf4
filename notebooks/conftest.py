"""What nbval leaves out when it compares a lesson with its committed outputs.

Pictures are left out by nbval itself. Everything on stderr is left out here: TensorFlow
announces the processor and missing GPUs there, in words that differ by machine.
"""


def pytest_collection_modifyitems(items):
    for notebook in {item.parent for item in items}:
        if hasattr(notebook, "skip_compare"):
            notebook.skip_compare += ("stderr",)


# The assignments are sources for nbgrader: they have no outputs to compare.
collect_ignore = ["assignments"]
