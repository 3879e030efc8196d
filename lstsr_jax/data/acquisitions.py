"""Of which dates and tiles a dataset is made, small enough to be kept in every checkpoint."""

import datetime
from collections.abc import Mapping
from typing import Any


class Acquisitions:
    """The days of acquisition of each product and tile, a bit per day of the year."""

    def __init__(self, values: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """None yet, or those of :meth:`to_json`."""
        self._days: dict[tuple[str, int], int] = {}
        for place, years in (values or {}).items():
            for year, days in years.items():
                self._days[place, int(year)] = int(days, 16)

    def add(self, product: str, tile: str, date: datetime.date) -> None:
        """Add a day."""
        key = f"{product}.{tile}", date.year
        self._days[key] = self._days.get(key, 0) | 1 << date.timetuple().tm_yday

    def merge(self, others: "Acquisitions") -> None:
        """Add the days of others."""
        for key, days in others._days.items():
            self._days[key] = self._days.get(key, 0) | days

    def hold(self, product: str, tile: str, date: datetime.date) -> bool:
        """Whether a day is among them."""
        return bool(self._days.get((f"{product}.{tile}", date.year), 0) >> date.timetuple().tm_yday & 1)

    @property
    def products(self) -> list[str]:
        """The products, in order."""
        return sorted({place.partition(".")[0] for place, _ in self._days})

    def to_json(self) -> dict[str, Any]:
        """Hexadecimal digits by product and tile, and by year; day 1 is the second lowest bit."""
        values: dict[str, dict[str, str]] = {}
        for (place, year), days in sorted(self._days.items()):
            values.setdefault(place, {})[str(year)] = f"{days:x}"
        return values
