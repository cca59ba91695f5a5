"""What can go wrong that a user can mend. Every message says what was expected, what was found, what to do.

MammoError
    InvalidRequestError   a number, name or combination that cannot be used
    CohortError           a data folder that is missing, empty or not laid out as expected
    CheckpointError       a generator that is missing, damaged or not what its card says
    IngestionError           a file from outside that cannot be used
    StoreError            something that cannot be written: the disk is full, read-only or gone
    BackboneError         an unknown network, or weights that cannot be had
    PrivacyError          a budget that cannot be reached or would be overspent
        BudgetExceededError   a release that would go beyond the budget set for a cohort
"""


class MammoError(Exception):
    """Base of every error that is the input's fault, not the program's; its text is fit to be shown."""


class InvalidRequestError(MammoError, ValueError):
    """A number, name or combination that cannot be used."""


class CohortError(MammoError):
    """A data folder that is missing, empty or not laid out as expected."""


class CheckpointError(MammoError):
    """A generator that is missing, damaged or not what its card says."""


class IngestionError(MammoError):
    """A file from outside that cannot be used: damaged, too large, of a kind not read, or not what it says."""


class StoreError(MammoError):
    """Something that cannot be written: the disk is full, read-only or gone."""


class BackboneError(MammoError):
    """An unknown network, or weights that cannot be had."""


class PrivacyError(MammoError):
    """A privacy budget that cannot be reached or would be overspent."""


class BudgetExceededError(PrivacyError):
    """A release that would go beyond the budget set for a cohort; nothing was trained."""
