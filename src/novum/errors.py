"""One family of errors; each message says what was wrong, where, and what to do next.

    NovumError                 anything that Novum reports to a person      exit status 1
    ├── UsageError             it was asked wrongly: nothing was changed    exit status 2
    │   ├── LabError           lab.toml or the lab's files are not sound
    │   └── PatchError         a change that does not apply or is not allowed
    ├── RepoError              git refused, or a ref moved under us
    ├── LedgerError            the ledger cannot be read or written
    │   └── DamagedLedgerError its file is not what was written
    ├── CacheError             the cache of oracles' answers cannot be read or written
    ├── SiteError              the file of a site cannot be read or written, or lacks what is asked
    ├── ResearcherError        who proposes cannot go on: the campaign pauses
    ├── SandboxError           a command could not be started (not: it failed)
    └── CampaignError          the campaign cannot go on, for example: the baseline crashes

A trial that fails is a record (`novum.records.TrialResult`), never an exception.
"""


class NovumError(Exception):
    """Anything that Novum reports to a person, in one or two lines."""

    exit_status = 1


class UsageError(NovumError):
    """It was asked wrongly; nothing was changed."""

    exit_status = 2


class LabError(UsageError):
    """The lab is not sound; the message names the file and the line where it can."""


class PatchError(UsageError):
    """A change does not apply, or touches what may not be changed."""


class RepoError(NovumError):
    """Git refused, or a ref was moved by somebody else."""


class LedgerError(NovumError):
    """The ledger cannot be read or written."""


class DamagedLedgerError(LedgerError):
    """The ledger's file is not what was written; its copy can take its place."""


class CacheError(NovumError):
    """The cache of what oracles answered cannot be read or written."""


class SiteError(NovumError):
    """The file of a site cannot be read or written, or does not hold what is asked for."""


class SandboxError(NovumError):
    """A command could not be started at all."""


class ResearcherError(NovumError):
    """Who proposes cannot go on: no key, no such model, a bound is reached. The campaign pauses."""


class CampaignError(NovumError):
    """The campaign cannot go on."""
