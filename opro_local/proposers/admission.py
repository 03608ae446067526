"""The one door: a proposal is accepted here, or rejected with one of records.Reason.

Who proposes brings a reply, a text or a solution. What a solution is (parse), whether its prompts have room
for it (fits) and when two are the same (key) is the problem's business.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic

from opro_local.llm import GenerationReply
from opro_local.problem import MetaPrompt, Problem, Rejected, solution_end
from opro_local.records import Proposal, S, Trajectory


@dataclass(frozen=True, slots=True)
class Admission(Generic[S]):
    """taken holds the keys of all that was ever accepted, scored or not; what is accepted here joins them."""

    problem: Problem[S]
    taken: set[str]

    @classmethod
    def after(cls, problem: Problem[S], trajectory: Trajectory[S]) -> "Admission[S]":
        solutions = (proposal.solution for proposal in trajectory.proposals())
        return cls(problem, {problem.key(solution) for solution in solutions if solution is not None})

    def reply(self, reply: GenerationReply, meta_prompt: MetaPrompt) -> Proposal[S]:
        """What the optimizer wrote."""
        proposal: Proposal[S] = Proposal(text=reply.text)
        end = solution_end(reply.text, meta_prompt.ends)
        text = reply.text[:end]
        if reply.ended == "nan":
            return proposal.rejected("no finite log-probability")
        if len(text) > self.problem.longest_reply():
            return proposal.rejected("too long")
        if end is None and reply.ended != "end":
            return proposal.rejected("cut off")
        return self.new(understood(self.problem, text, proposal))

    def person(self, text: str) -> Proposal[S]:
        """What somebody wrote."""
        proposal: Proposal[S] = Proposal(text=text, origin="human", author="human")
        return self.new(understood(self.problem, text, proposal))

    def new(self, proposal: Proposal[S]) -> Proposal[S]:
        """Rejected where its solution is taken; from now on it is."""
        found = self._untaken(proposal)
        if found.solution is not None:
            self.taken.add(self.problem.key(found.solution))
        return found

    def again(self, proposal: Proposal[S], *, banned: Callable[[S], bool]) -> Proposal[S]:
        """One that was accepted before people were heard."""
        if proposal.solution is not None and banned(proposal.solution):
            return proposal.rejected("banned")
        return self._untaken(proposal)

    def _untaken(self, proposal: Proposal[S]) -> Proposal[S]:
        if proposal.solution is None or self.problem.key(proposal.solution) not in self.taken:
            return proposal
        return proposal.rejected("duplicate")


def understood(problem: Problem[S], text: str, proposal: Proposal[S]) -> Proposal[S]:
    """The proposal with the solution that the text holds."""
    try:
        solution = problem.parse(text)
    except Rejected as rejection:
        return proposal.rejected(rejection.reason)
    return fitting(replace(proposal, solution=solution), problem.fits)


def fitting(proposal: Proposal[S], fits: Callable[[S], bool]) -> Proposal[S]:
    """Rejected where a prompt has no room for its solution."""
    if proposal.solution is None or fits(proposal.solution):
        return proposal
    return proposal.rejected("prompt too long")
