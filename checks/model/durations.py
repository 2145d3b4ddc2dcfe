"""How long something has lasted, in words for summaries (never in evidence: it would make each run look new)."""

from datetime import timedelta


def span(lasted: timedelta) -> str:
    """The two largest units: `45 s`, `2 min`, `2 h 10 min`, `10 d 3 h`. Nothing lasts less than nothing."""
    seconds = max(int(lasted.total_seconds()), 0)
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    for index, (unit, size) in enumerate(units):
        if seconds >= size:
            whole, rest = divmod(seconds, size)
            smaller = units[index + 1 : index + 2]
            below = rest // smaller[0][1] if smaller and unit in ("d", "h") else 0
            return f"{whole} {unit}" + (f" {below} {smaller[0][0]}" if below else "")
    return "0 s"
