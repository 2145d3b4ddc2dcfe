"""List texts and names that docs/language.md rules out: `python -m tests.language PATH…`"""

import sys
from pathlib import Path

from tests.language.finding import offences
from tests.language.names import names_below, ruled_out

if __name__ == "__main__":
    folders = [Path(name) for name in sys.argv[1:] or ("bot", "workers", "checks", "docs")]
    found = [each for folder in folders for each in offences(folder)]
    found += [
        f'{each.file}:{each.line}: name {each.name}: "{word}": write {instead}'
        for folder in folders
        for each in names_below(folder)
        for word, instead in ruled_out(each.name)
    ]
    print("\n".join(found) or "no forbidden word")
    sys.exit(bool(found))
