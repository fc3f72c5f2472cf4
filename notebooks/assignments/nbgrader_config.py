"""nbgrader's settings for the assignments: limits, and what a dead kernel means."""

import os
import signal
import time

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output
from nbgrader.converters import Autograde
from nbgrader.preprocessors import Execute
from traitlets import Integer

c = get_config()  # noqa: F821

# nbgrader gives the points of a cell whose output shows no error. The cells that a
# submission with a dead or a stuck kernel never reached therefore need one.


class ExecuteAsFarAsPossible(Execute):
    """Runs cells until the kernel dies or the time is up; the others count as failed.

    What was done before earns its points. A warning on stderr costs none.
    """

    submission_timeout = Integer(120, help="seconds for all cells").tag(config=True)
    max_characters = Integer(100_000, help="printed by a cell and kept").tag(
        config=True
    )
    endless_characters = Integer(
        2_000_000, help="printed by a cell before it is interrupted"
    ).tag(config=True)

    def preprocess(self, nb, resources, km=None):
        """Run the notebook."""
        self.stopped = None
        self.deadline = time.monotonic() + self.submission_timeout
        return super().preprocess(nb, resources, km=km)

    def preprocess_cell(self, cell, resources, cell_index):
        """Run one cell, or mark it as not reached."""
        if cell.cell_type != "code":
            return cell, resources
        if not self.stopped and time.monotonic() > self.deadline:
            self.stopped = f"more than {self.submission_timeout} seconds in all"
        if not self.stopped:
            self.printed = 0
            try:
                cell, resources = super().preprocess_cell(cell, resources, cell_index)
            except DeadKernelError:
                self.stopped = "the kernel died"
            except CellTimeoutError:
                self.stopped = "the kernel did not answer"
        if self.stopped:
            cell.outputs = [
                new_output(
                    "error",
                    ename="NotReached",
                    evalue=self.stopped,
                    traceback=[f"NotReached: {self.stopped}"],
                )
            ]
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.outputs = [
                output for output in cell.outputs if output.get("name") != "stderr"
            ]
        return cell, resources

    def process_message(self, msg, cell, cell_index):
        """Keep what a cell prints up to a limit, and end a cell that prints for ever.

        Otherwise such a cell fills the memory before its time is up.
        """
        if msg["msg_type"] == "stream":
            before, text = self.printed, msg["content"]["text"]
            self.printed += len(text)
            if before < self.endless_characters <= self.printed:
                # The manager's own interrupt would wait until the queue is empty.
                os.kill(self.km.provisioner.pid, signal.SIGINT)
            if before > self.max_characters:
                return None
            if self.printed > self.max_characters:
                kept = text[: self.max_characters - before]
                msg["content"]["text"] = f"{kept}\n... Output truncated ..."
        return super().process_message(msg, cell, cell_index)


c.CourseDirectory.course_id = "aezoo"
# Seconds for one cell. Each cell of the assignments takes less than ten.
c.Execute.timeout = 30
c.LimitOutput.max_lines = 200

_, *after_execution = Autograde.autograde_preprocessors.default_args[0]
c.Autograde.autograde_preprocessors = [ExecuteAsFarAsPossible, *after_execution]
