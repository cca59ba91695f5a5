"""The one meaning of a class label: malignant is 1 and positive, everywhere in this project.

The published data writes `is_benign_0` for malignant; that spelling is translated here and nowhere else.
"""

BENIGN = 0
MALIGNANT = 1
CLASS_NAMES = {BENIGN: "benign", MALIGNANT: "malignant"}


def label_from_is_benign(flag: str) -> int:
    """Translates the reference's `is_benign` spelling ("0", "1", "false", "true") to a label.

    Raises:
        ValueError: For any other text.

    Example:
        >>> CLASS_NAMES[label_from_is_benign("0")]
        'malignant'
    """
    match flag.lower():
        case "0" | "false":
            return MALIGNANT
        case "1" | "true":
            return BENIGN
    raise ValueError(f"Expected an is_benign flag of 0, 1, false or true; got {flag!r}.")
