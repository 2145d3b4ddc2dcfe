"""List the places with words that docs/language.md rules out.

`python -m tests.language FOLDER…`

List the places with words that docs/language.md rules out.
"""

import sys
from pathlib import Path

from tests.language.finding import offences

if __name__ == "__main__":
    found = [each for name in sys.argv[1:] or ("bot", "workers", "checks", "docs") for each in offences(Path(name))]
    print("\n".join(found) or "no forbidden word")
    sys.exit(bool(found))
