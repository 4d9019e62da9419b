"""Asking for the fares of one day."""

import argparse
from dataclasses import dataclass
from datetime import date, timedelta

import requests
from pages import connections, hidden_fields

FROM, TO = "Zürich", "Wien"
TIMEOUT = 30


@dataclass(frozen=True, order=True)
class Fare:
    price: float
    departure: str
    train: str


def open_form(session: requests.Session, base_url: str, day: date) -> dict:
    """Get the search page; what its form wants back."""
    response = session.get(f"{base_url}/search", params={"date": day.isoformat()}, timeout=TIMEOUT)
    response.raise_for_status()
    return hidden_fields(response.text)


def search(session: requests.Session, base_url: str, day: date) -> list[Fare]:
    """All fares of a day."""
    form = open_form(session, base_url, day)
    form.update({"from": FROM, "to": TO, "date": day.isoformat()})
    response = session.post(f"{base_url}/search", data=form, timeout=TIMEOUT)
    response.raise_for_status()
    return [Fare(float(row["price"]), row["departure"], row["train"]) for row in connections(response.text)]


def cheapest_fare(base_url: str, day: date) -> Fare:
    """The cheapest fare of a day, asked for in a session of its own."""
    with requests.Session() as session:
        fares = search(session, base_url, day)
    return min(fares)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=f"The cheapest fares {FROM} – {TO} of the next days.")
    parser.add_argument("base_url", help="address of the server, such as http://127.0.0.1:8080")
    parser.add_argument("--first-day", type=date.fromisoformat, default=date.today(), metavar="DATE")
    parser.add_argument("--days", type=int, default=100, help="how many days to ask for (100)")
    parser.add_argument("--workers", type=int, default=10, help="how many at a time (10)")
    return parser.parse_args()


def days_of(arguments: argparse.Namespace) -> list[date]:
    return [arguments.first_day + timedelta(days=number) for number in range(arguments.days)]


def print_fares(fares: dict[date, Fare]) -> None:
    """Print all days in order, then the best of them."""
    for day in sorted(fares):
        fare = fares[day]
        print(f"{day}  {fare.departure}  {fare.train:6}  {fare.price:7.2f} €")
    best = min(fares, key=lambda day: (fares[day].price, day))
    print(f"Cheapest: {fares[best].price:.2f} € on {best}, {fares[best].train} at {fares[best].departure}")
